"""Worker processes of their own, forked from a server that has imported everything: one is at work in a moment."""

import asyncio
import multiprocessing
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from signal import SIGKILL

import worker as workers
from sandbox.children import tail
from settings import Settings
from tests.support.arena import eventually

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload([__name__])
READY_SECONDS = 30.0
# A story reaches its point in a second or two; behind it may be calls whose worker was killed before.
REACHED_SECONDS = 60.0


@dataclass(frozen=True)
class Doomed:
    """A worker that kills itself at a point, once in its restarts."""

    point: str
    mark: Path
    process: ForkServerProcess
    log: Path

    async def killed(self) -> None:
        """Return when it has killed itself at its point."""
        await eventually(lambda: not self.process.is_alive(), seconds=REACHED_SECONDS, why=f"{self.point} was not hit")
        assert self.process.exitcode == -SIGKILL, f"{self.point}: {self.process.exitcode}\n{tail(self.log)}"
        assert self.mark.exists(), f"{self.point}: killed by somebody else"


@dataclass
class Hatchery:
    """Starts one worker process after the other; `environment` is what all of them have."""

    environment: Mapping[str, str]
    directory: Path
    _started: list[Doomed] = field(default_factory=list)

    async def start(self, point: str) -> Doomed:
        """A worker that polls and will crash at the point; started again, it goes on for ever."""
        mark, log = self.directory / f"{point}.hit", self.directory / "worker.log"
        ready = self.directory / f"{len(self._started)}.ready"
        crash = {"HOLDFAST_CRASH_POINT": point, "HOLDFAST_CRASH_MARK": str(mark)}
        process = _FORKS.Process(target=_work, args=({**self.environment, **crash}, log, ready), daemon=True)
        await asyncio.to_thread(process.start)
        self._started.append(Doomed(point, mark, process, log))
        await eventually(
            lambda: ready.exists() or not process.is_alive(), seconds=READY_SECONDS, why=f"not up: {point}"
        )
        assert ready.exists(), f"{point}: {process.exitcode}\n{tail(log)}"
        return self._started[-1]

    async def close(self) -> None:
        for each in self._started:
            each.process.kill()
            await asyncio.to_thread(each.process.join)


@asynccontextmanager
async def hatching(environment: Mapping[str, str], directory: Path) -> AsyncIterator[Hatchery]:
    await asyncio.to_thread(directory.mkdir)
    hatchery = Hatchery(environment, directory)
    try:
        yield hatchery
    finally:
        await hatchery.close()


def _work(environment: Mapping[str, str], log: Path, ready: Path) -> None:
    """As `holdfast worker`, with its output in a file."""
    with log.open("ab") as stream:
        os.dup2(stream.fileno(), 1)
        os.dup2(stream.fileno(), 2)
    os.environ.clear()
    os.environ.update(environment)
    asyncio.run(_until_orphaned(ready))


async def _until_orphaned(ready: Path) -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    asyncio.get_running_loop().add_reader(parent.sentinel, partial(os._exit, 1))
    await workers.run(Settings(), asyncio.Event(), ready.touch)
