"""The immutable model that every domain value and every message is built on."""

from pydantic import BaseModel, ConfigDict


class Value(BaseModel):
    """An immutable value, read from a row by attribute or from JSON; equal when its fields are."""

    model_config = ConfigDict(frozen=True, from_attributes=True)
