"""Processes that a killed supervisor or a killed server left at work: found by their program and their folder."""

import asyncio
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from signal import SIGINT, SIGKILL, SIGQUIT

from sandbox.errors import LeftoversRemain

_PROCESSES = Path("/proc")
_EACH_SIGNAL_MAY_TAKE = 5.0
_POLL = 0.03


async def end_leftovers(program: Path, folder: Path) -> None:
    """End every process of `program` that works in `folder`, gently first.

    Only Linux tells which these are; elsewhere none are found.
    """
    for signal in (SIGINT, SIGQUIT, SIGKILL):
        for pid in at_work(program, folder):
            with suppress(ProcessLookupError):
                os.kill(pid, signal)
        if await _gone(program, folder):
            return
    raise LeftoversRemain(folder, list(at_work(program, folder)))


def at_work(program: Path, folder: Path) -> Iterator[int]:
    for process in _PROCESSES.glob("[0-9]*"):
        # Gone meanwhile, or another user's.
        with suppress(OSError):
            if (process / "cwd").readlink() == folder and (process / "exe").readlink() == program:
                yield int(process.name)


async def _gone(program: Path, folder: Path) -> bool:
    deadline = asyncio.get_running_loop().time() + _EACH_SIGNAL_MAY_TAKE
    while any(at_work(program, folder)):
        if asyncio.get_running_loop().time() > deadline:
            return False
        await asyncio.sleep(_POLL)
    return True
