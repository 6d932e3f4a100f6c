"""Passwords, hashed and compared in threads, a few at once."""

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from fastapi.concurrency import run_in_threadpool

from db import passwords
from db.passwords import Checked
from domain.errors import RateLimited

# Each takes 64 MiB: all that is let in at once is what a flood of logins can take of a process's memory.
AT_ONCE = 4
# Who would wait longer for a turn is told to come again.
_PATIENCE_SECONDS = 10.0

Given = ParamSpec("Given")
Result = TypeVar("Result")


class Passwords:
    """Raises RateLimited when too many others are before it."""

    def __init__(self, at_once: int = AT_ONCE, patience_seconds: float = _PATIENCE_SECONDS) -> None:
        self._turns = asyncio.Semaphore(at_once)
        self._patience = patience_seconds
        passwords.decoy()

    async def hash(self, password: str) -> str:
        return await self._in_turn(passwords.hash_password, password)

    async def check(self, password: str, stored: str | None) -> Checked:
        """Takes as long whether there is something to compare with or not."""
        return await self._in_turn(passwords.check_password, password, stored)

    async def _in_turn(self, work: Callable[Given, Result], *given: Given.args, **named: Given.kwargs) -> Result:
        try:
            async with asyncio.timeout(self._patience):
                await self._turns.acquire()
        except TimeoutError as late:
            raise RateLimited(retry_after=round(self._patience)) from late
        try:
            return await run_in_threadpool(work, *given, **named)
        finally:
            self._turns.release()
