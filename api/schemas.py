"""What every request body has in common."""

import json
from typing import Annotated, Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, StringConstraints

from domain.errors import BodyMalformed

# What products and filters name a category by.
Slug = Annotated[str, StringConstraints(max_length=60, pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]


class Sent(BaseModel):
    """A request body: unknown fields are refused, so that nobody believes that a sent total counted."""

    model_config = ConfigDict(extra="forbid")


def absent() -> Any:  # noqa: ANN401 - stands for a field of any type
    """The default of a field that may be left out and, when it is there, is not null."""
    return None


async def read_strictly(request: Request) -> None:
    """Refuse JSON that two readers would not read alike: a name twice in one object (RFC 8259, 4), NaN, Infinity and
    encodings other than UTF-8. FastAPI's own reading takes them; this one sees the same body before the route does.
    """
    if getattr(request.scope.get("route"), "body_field", None) is None:
        return
    body = await request.body()
    try:
        if body:
            json.loads(body.decode(), object_pairs_hook=_once_each, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise BodyMalformed from error


def _once_each(pairs: list[tuple[str, Any]]) -> None:
    if len({name for name, _ in pairs}) < len(pairs):
        twice = {"loc": ("body",), "type": "json_name_twice", "msg": "A name occurs twice in one object", "input": None}
        raise RequestValidationError([twice])


def _no_number(_: str) -> None:
    raise BodyMalformed
