"""One child process: dies with its parent, is ready when its check says so, is stopped with grace and then killed."""

import asyncio
import os
import shutil
import sys
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGKILL, SIGTERM, Signals

from sandbox.errors import ChildDied, ChildNotReady

_POLL = 0.03
_TAIL_LINES = 20
_TAIL_BYTES = 16_384


async def _at_once() -> bool:
    return True


@dataclass(frozen=True)
class Program:
    """`env` is the whole environment, None for ours; `prefix` changes who runs it; times are in seconds.

    `orphan_signal` is what the kernel sends it when we are killed (Linux).
    """

    name: str
    argv: tuple[str, ...]
    log: Path
    ready: Callable[[], Awaitable[bool]] = _at_once
    clear: Callable[[], None] = field(default=lambda: None)
    env: Mapping[str, str] | None = None
    cwd: Path | None = None
    prefix: tuple[str, ...] = ()
    stop_signal: Signals = SIGTERM
    orphan_signal: Signals = SIGKILL
    ready_within: float = 60
    grace: float = 10


class Child:
    def __init__(self, program: Program) -> None:
        self.program = program
        self._process: asyncio.subprocess.Process | None = None

    @property
    def name(self) -> str:
        return self.program.name

    @property
    def log(self) -> Path:
        return self.program.log

    @property
    def pid(self) -> int:
        """The program itself, for every wrapper ends in exec; 0 before the first start."""
        return self._process.pid if self._process else 0

    async def start(self) -> None:
        """Start it and wait until it is ready; after an exit, start it anew."""
        program = self.program
        program.clear()
        self._process = await _spawn(program)
        try:
            async with asyncio.timeout(program.ready_within):
                await self._become_ready(self._process)
        except TimeoutError:
            await self.kill()
            raise ChildNotReady(program.name, program.ready_within, tail(program.log)) from None
        except BaseException:
            await self.kill()
            raise

    async def _become_ready(self, process: asyncio.subprocess.Process) -> None:
        while process.returncode is None:
            if await self.program.ready() and process.returncode is None:
                return
            await asyncio.sleep(_POLL)
        raise ChildDied(self.program.name, process.returncode, tail(self.program.log))

    async def wait(self) -> int:
        """Its return code, when it has ended; negative for a signal."""
        return await self._process.wait() if self._process else 0

    async def stop(self) -> None:
        if self._process is None or self._process.returncode is not None:
            return
        with suppress(ProcessLookupError):
            self._process.send_signal(self.program.stop_signal)
        try:
            async with asyncio.timeout(self.program.grace):
                await self._process.wait()
        except TimeoutError:
            pass
        finally:
            await self.kill()

    async def kill(self) -> None:
        """Kill what is left of it and of the processes it started in its session."""
        if self._process is None:
            return
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, SIGKILL)
        await self._process.wait()


class Server:
    """What runs one child, which its start() makes anew each time."""

    _child: Child | None = None

    @property
    def pid(self) -> int:
        return self._child.pid if self._child else 0

    async def stop(self) -> None:
        if self._child:
            await self._child.stop()

    async def kill(self) -> None:
        if self._child:
            await self._child.kill()

    async def wait(self) -> int:
        return await self._child.wait() if self._child else 0


async def run_to_end(program: Program) -> None:
    """Run a step such as a migration; ChildDied unless it returns 0."""
    process = await _spawn(program)
    try:
        returncode = await process.wait()
    finally:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, SIGKILL)
    if returncode != 0:
        raise ChildDied(program.name, returncode, tail(program.log))


async def _spawn(program: Program) -> asyncio.subprocess.Process:
    program.log.parent.mkdir(parents=True, exist_ok=True)
    log = os.open(program.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        return await asyncio.create_subprocess_exec(
            *program.prefix,
            *_die_with_parent(program.orphan_signal),
            *program.argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=program.env,
            cwd=program.cwd,
            start_new_session=True,
        )
    finally:
        os.close(log)


def _die_with_parent(signal: Signals) -> tuple[str, ...]:
    # Set in the child after any change of user, which would clear it, and without running Python between fork and exec.
    # "Parent" means the thread that forked, so a supervisor must live in a thread that lasts.
    setpriv = shutil.which("setpriv") if sys.platform == "linux" else None
    return (setpriv, "--pdeathsig", signal.name.removeprefix("SIG"), "--") if setpriv else ()


def tail(log: Path) -> str:
    with log.open("rb") as stream:
        size = stream.seek(0, os.SEEK_END)
        stream.seek(max(0, size - _TAIL_BYTES))
        return "\n".join(stream.read().decode(errors="replace").splitlines()[-_TAIL_LINES:])
