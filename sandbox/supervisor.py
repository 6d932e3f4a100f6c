"""Brings parts up in the order of their needs, restarts what dies, takes all down in reverse."""

import asyncio
from asyncio import Event, Task
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from signal import SIGKILL
from typing import Protocol

from sandbox.children import Program, run_to_end, tail
from sandbox.errors import KeepsCrashing, StackError


class Service(Protocol):
    """Something that runs until it is stopped; `start` returns when it is ready and may follow any ending."""

    @property
    def name(self) -> str: ...
    @property
    def log(self) -> Path: ...
    @property
    def pid(self) -> int: ...
    async def start(self) -> None: ...
    async def wait(self) -> int: ...
    async def stop(self) -> None: ...


@dataclass(frozen=True)
class Part:
    """`runs` is a service, or a program that runs once to its end; `after` names the parts it needs."""

    runs: Service | Program
    after: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.runs.name


class Notice(StrEnum):
    READY = "ready"
    DONE = "done"
    DIED = "died"
    RESTARTED = "restarted"


@dataclass(frozen=True)
class Patience:
    """How much crashing to bear: in a row, with pauses in seconds that double; a steady life starts the count anew."""

    crashes: int = 8
    first_pause: float = 0.2
    longest_pause: float = 5
    steady_after: float = 10

    def pause(self, crashes: int) -> float:
        return min(self.first_pause * 2 ** (crashes - 1), self.longest_pause) if crashes else 0


def _ignore(_name: str, _notice: Notice) -> None:
    pass


class Supervisor:
    def __init__(
        self,
        parts: Sequence[Part],
        *,
        notify: Callable[[str, Notice], None] = _ignore,
        patience: Patience | None = None,
    ) -> None:
        self.parts = parts
        self._notify = notify
        self._patience = patience or Patience()
        self._up = {part.name: Event() for part in parts}
        self._life: Task[None] | None = None

    @property
    def pids(self) -> dict[str, int]:
        return {part.name: part.runs.pid for part in self.parts if not isinstance(part.runs, Program)}

    async def start(self) -> None:
        """Return when all is ready; after a failure call stop(), as after anything else."""
        self._life = asyncio.create_task(self._live(), name="supervisor")
        ready = asyncio.create_task(self._all_up())
        try:
            await asyncio.wait({self._life, ready}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ready.cancel()
        if self._life.done():
            await self._life

    async def failure(self) -> None:
        """Last until a service cannot be kept alive any longer, which is raised."""
        if self._life:
            await asyncio.shield(self._life)

    async def stop(self) -> None:
        if self._life:
            self._life.cancel()
            await asyncio.wait({self._life})
        down = {part.name: Event() for part in self.parts}
        outcomes = await asyncio.gather(*(self._take_down(part, down) for part in self.parts), return_exceptions=True)
        for outcome in outcomes:
            if outcome is not None:
                raise outcome

    async def _live(self) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                for part in self.parts:
                    group.create_task(self._look_after(part), name=part.name)
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from None

    async def _all_up(self) -> None:
        for up in self._up.values():
            await up.wait()

    async def _look_after(self, part: Part) -> None:
        for need in part.after:
            await self._up[need].wait()
        match part.runs:
            case Program() as step:
                await run_to_end(step)
                self._notify(part.name, Notice.DONE)
                self._up[part.name].set()
            case service:
                await service.start()
                self._notify(part.name, Notice.READY)
                self._up[part.name].set()
                await self._keep_alive(service)

    async def _keep_alive(self, service: Service) -> None:
        clock = asyncio.get_running_loop().time
        crashes = 0
        while True:
            since = clock()
            returncode = await service.wait()
            self._notify(service.name, Notice.DIED)
            # One that was ready and got SIGKILL did not crash: somebody killed it, perhaps to see it restarted.
            steady = returncode == -SIGKILL or clock() - since >= self._patience.steady_after
            crashes = await self._restart(service, 0 if steady else crashes + 1)
            self._notify(service.name, Notice.RESTARTED)

    async def _restart(self, service: Service, crashes: int) -> int:
        while crashes < self._patience.crashes:
            await asyncio.sleep(self._patience.pause(crashes))
            try:
                await service.start()
            except (StackError, OSError):
                crashes += 1
            else:
                return crashes
        raise KeepsCrashing(service.name, crashes, service.log, tail(service.log))

    async def _take_down(self, part: Part, down: dict[str, Event]) -> None:
        for other in self.parts:
            if part.name in other.after:
                await down[other.name].wait()
        try:
            if not isinstance(part.runs, Program):
                await part.runs.stop()
        finally:
            down[part.name].set()
