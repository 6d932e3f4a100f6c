"""Turns a cancellation request from Temporal's own UI or CLI into a business decision."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

Result = TypeVar("Result")


async def finish_despite_cancel(life: "asyncio.Task[Result]", decide: Callable[[], Awaitable[None]]) -> Result:
    """Run a workflow's life to its own end; a cancellation request only runs `decide` beside it."""
    try:
        return await asyncio.shield(life)
    except asyncio.CancelledError:
        await decide()
        return await life
