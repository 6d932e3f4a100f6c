"""The immutable model that every domain value and every message is built on."""

from pydantic import BaseModel, ConfigDict

# What people may write: PostgreSQL stores no NUL, and a word that has to be there is not all blank.
TEXT = r"^[^\x00]*$"
WORD = r"^[^\x00]*[^\x00\s][^\x00]*$"


class Value(BaseModel):
    """An immutable value, read from a row by attribute or from JSON; equal when its fields are."""

    # What is sent always has every field, so that readers need not ask whether one is there.
    model_config = ConfigDict(frozen=True, from_attributes=True, json_schema_serialization_defaults_required=True)
