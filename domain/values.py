"""The immutable model that every domain value and every message is built on."""

import re
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict

# What people may write: PostgreSQL stores no NUL, and a word that has to be there is not all blank.
TEXT = r"^[^\x00]*$"
WORD = r"^[^\x00]*[^\x00\s][^\x00]*$"

_RFC_3339 = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})", re.ASCII | re.IGNORECASE)


def _written_out(at: object) -> object:
    """Pydantic itself takes numbers, and strings of one, for seconds or milliseconds since 1970, guessing by size."""
    if isinstance(at, int | float) or (isinstance(at, str) and not _RFC_3339.fullmatch(at)):
        message = "must be a date and time with its offset, as in RFC 3339"
        raise ValueError(message)
    return at


Timestamp = Annotated[AwareDatetime, BeforeValidator(_written_out)]


class Value(BaseModel):
    """An immutable value, read from a row by attribute or from JSON; equal when its fields are."""

    # What is sent always has every field, so that readers need not ask whether one is there.
    model_config = ConfigDict(frozen=True, from_attributes=True, json_schema_serialization_defaults_required=True)
