"""Waiting for a condition, and looking at processes."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


async def until(condition: Callable[[], T], *, within: float = 60) -> T:
    """The first true value of `condition`."""
    deadline = time.monotonic() + within
    while not (value := condition()):
        assert time.monotonic() < deadline, "the condition did not come true in time"
        await asyncio.sleep(0.02)
    return value


def alive(pid: int) -> bool:
    """A zombie is dead; in a container nobody may be there to bury it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def user_of(pid: int) -> int:
    return Path(f"/proc/{pid}").stat().st_uid
