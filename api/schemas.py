"""What every request has in common."""

import json
from collections.abc import Iterator
from inspect import isclass
from typing import Annotated, Any

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
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
    """Refuse what FastAPI's own reading takes, before the route sees it.

    Of an address that takes parameters, those that it doesn't know: a filter that is not applied would show everything.
    Of a body, JSON that two readers would not read alike: a name twice in one object (RFC 8259, 4), NaN, Infinity and
    encodings other than UTF-8.
    """
    route = request.scope.get("route")
    if not isinstance(route, APIRoute):
        return
    known = frozenset(_query_names(route.dependant))
    unknown = [name for name in dict.fromkeys(request.query_params) if known and name not in known]
    if unknown:
        raise RequestValidationError([_unknown(name) for name in unknown])
    if route.body_field is None:
        return
    body = await request.body()
    try:
        if body:
            json.loads(body.decode(), object_pairs_hook=_once_each, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise BodyMalformed from error


def _query_names(dependant: Dependant) -> Iterator[str]:
    for field in dependant.query_params:
        kind = field.field_info.annotation
        if isclass(kind) and issubclass(kind, BaseModel):
            yield from (info.alias or name for name, info in kind.model_fields.items())
        else:
            yield field.alias
    for each in dependant.dependencies:
        yield from _query_names(each)


def _unknown(name: str) -> dict[str, Any]:
    return {"loc": ("query", name), "type": "extra_forbidden", "msg": "There is no such parameter", "input": None}


def _once_each(pairs: list[tuple[str, Any]]) -> None:
    if len({name for name, _ in pairs}) < len(pairs):
        twice = {"loc": ("body",), "type": "json_name_twice", "msg": "A name occurs twice in one object", "input": None}
        raise RequestValidationError([twice])


def _no_number(_: str) -> None:
    raise BodyMalformed
