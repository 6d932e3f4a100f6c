"""What every request body has in common."""

from pydantic import BaseModel, ConfigDict


class Sent(BaseModel):
    """A request body: unknown fields are refused, so that nobody believes that a sent total counted."""

    model_config = ConfigDict(extra="forbid")
