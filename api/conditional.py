"""Conditional reads (RFC 9110, 13): an entity tag of what the caller sees, and waiting until that is another."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Header, Query, Response
from pydantic import BaseModel

from api.live import Live

Wait = Annotated[
    int, Query(ge=0, le=30, description="Seconds to wait for a change, with If-None-Match: 304 if none comes.")
]
NoneMatch = Annotated[str | None, Header(alias="If-None-Match", description="Entity tags of what is known already.")]


def tag_of(body: bytes) -> str:
    return f'"{hashlib.sha256(body).hexdigest()[:32]}"'


def matches(tag: str, given: str | None) -> bool:
    """Whether a list of entity tags has this one, by the weak comparison."""
    return given is not None and any(each.strip().removeprefix("W/") in {tag, "*"} for each in given.split(","))


async def read(
    seen: Callable[[], Awaitable[BaseModel]], known: str | None, *, wait: int, live: Live, follower: tuple[str, str]
) -> Response:
    """What `seen` reads, or 304 when it is known; with `wait`, as soon as it is another.

    `follower` is the account that waits and the subject that it waits for. Raises StreamsExhausted.
    """
    answer = _answer(await seen(), known)
    if not wait or answer.status_code != 304:  # noqa: PLR2004 - HTTP's own number
        return answer
    clock = asyncio.get_running_loop().time
    until = clock() + wait
    async with live.following(*follower) as changes:
        # It may have changed before it was followed.
        answer = _answer(await seen(), known)
        while answer.status_code == 304 and (left := until - clock()) > 0:  # noqa: PLR2004 - HTTP's own number
            await changes.wait(left)
            answer = _answer(await seen(), known)
    return answer


def _answer(view: BaseModel, known: str | None) -> Response:
    body = view.model_dump_json().encode()
    tag = tag_of(body)
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    if matches(tag, known):
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type="application/json")
