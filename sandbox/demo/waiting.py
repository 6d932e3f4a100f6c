"""Waiting for a condition with a deadline, and what a scenario says when something is not as it should be."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

Seen = TypeVar("Seen")

PATIENCE_SECONDS = 30.0
_POLL_SECONDS = 0.05


class NotAsExpected(Exception):
    """What a scenario expected, and did not see."""


def expect(condition: bool, sentence: str) -> None:
    """Raise NotAsExpected with the sentence unless the condition holds."""
    if not condition:
        raise NotAsExpected(sentence)


async def until(look: Callable[[], Awaitable[Seen | None]], waited_for: str, within: float = PATIENCE_SECONDS) -> Seen:
    """Look until something is seen, and return it. Raises NotAsExpected at the deadline (seconds)."""
    clock = asyncio.get_running_loop().time
    deadline = clock() + within
    while not (seen := await look()):
        expect(clock() < deadline, f"{waited_for} did not come within {within:.0f} s")
        await asyncio.sleep(_POLL_SECONDS)
    return seen
