"""The embedded stack as a whole: `running_stack` for tests and the demo, `up` for a person at a terminal."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from sandbox.banner import Banner
from sandbox.data_directory import DataDirectory, claimed, ephemeral
from sandbox.errors import PortsTaken, StackError
from sandbox.parts import Blueprint
from sandbox.ports import Ports
from sandbox.ready import Ready
from sandbox.supervisor import Notice, Patience, Supervisor

_PORT_DRAWS = 3
_PORTS_MAY_TAKE = 10.0
_POLL = 0.05
_STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


# A part's name, what happened to it, and its address.
Progress = Callable[[str, Notice, str], None]


@dataclass(frozen=True)
class StackOptions:
    """`environment` joins that of our own programs and simulators; `free_ports`, as drawn, wins over `ports`."""

    data_dir: Path = Path(".holdfast")
    ephemeral: bool = False
    free_ports: bool = False
    ready_file: Path | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    ports: Ports = field(default_factory=Ports)
    draw_ports: Callable[[], Ports] = Ports.drawn
    patience: Patience = field(default_factory=Patience)


class Stack:
    def __init__(self, blueprint: Blueprint, options: StackOptions, notify: Progress) -> None:
        self._blueprint = blueprint
        self._ready_file = options.ready_file
        self._notify = notify
        self._all_ready = False
        self.supervisor = Supervisor(blueprint.parts(), notify=self._noticed, patience=options.patience)

    @property
    def logs(self) -> Path:
        return self._blueprint.directory.logs

    @property
    def ready(self) -> Ready:
        """As of now: a restarted child has a new pid."""
        return self._blueprint.ready(self.supervisor.pids)

    async def start(self) -> None:
        self._withdraw()
        await self.supervisor.start()
        self._all_ready = True
        self._publish()

    async def stop(self) -> None:
        try:
            await self.supervisor.stop()
        finally:
            self._withdraw()

    def _noticed(self, name: str, notice: Notice) -> None:
        if notice is Notice.RESTARTED and self._all_ready:
            self._publish()
        self._notify(name, notice, self._blueprint.where(name))

    def _publish(self) -> None:
        if self._ready_file:
            self.ready.write(self._ready_file)

    def _withdraw(self) -> None:
        # A file left by a killed run would promise a stack that is not there.
        if self._ready_file:
            self._ready_file.unlink(missing_ok=True)


def _silent(_name: str, _notice: Notice, _where: str) -> None:
    pass


@asynccontextmanager
async def running_stack(options: StackOptions, *, notify: Progress = _silent) -> AsyncIterator[Stack]:
    """A stack that is ready; a child that cannot be kept alive cancels the body and is raised in its place."""
    with ephemeral() if options.ephemeral else claimed(options.data_dir) as directory:
        stack = await _started(options, directory, notify)
        try:
            async with _cut_short_by(asyncio.create_task(stack.supervisor.failure())):
                yield stack
        finally:
            await stack.stop()


async def up(options: StackOptions, console: Console | None = None) -> None:
    """Run until SIGINT, SIGTERM or SIGHUP, telling a person what happens; StackError if it cannot."""
    banner = Banner(console or Console(highlight=False, soft_wrap=True))
    banner.starting("a temporary directory" if options.ephemeral else str(options.data_dir))
    async with _until_told_to_stop(banner.stopping), running_stack(options, notify=banner.notice) as stack:
        banner.welcome(stack.ready, stack.logs)
        await asyncio.Event().wait()
    banner.stopped()


async def _started(options: StackOptions, directory: DataDirectory, notify: Progress) -> Stack:
    draws_left = _PORT_DRAWS if options.free_ports else 1
    while True:
        draws_left -= 1
        ports = options.draw_ports() if options.free_ports else options.ports
        if taken := await _taken(ports, patiently=directory.left_running):
            raise PortsTaken(taken)
        blueprint = Blueprint(directory, ports, durable=not options.ephemeral, extra=options.environment)
        stack = Stack(blueprint, options, notify)
        try:
            await stack.start()
        except BaseException as problem:
            await stack.stop()
            # Somebody took a port between our look and the child's bind.
            if isinstance(problem, StackError) and draws_left and ports.taken():
                continue
            raise
        return stack


async def _taken(ports: Ports, *, patiently: bool) -> dict[str, int]:
    deadline = asyncio.get_running_loop().time() + (_PORTS_MAY_TAKE if patiently else 0)
    while taken := ports.taken():
        if asyncio.get_running_loop().time() >= deadline:
            break
        await asyncio.sleep(_POLL)
    return taken


@asynccontextmanager
async def _cut_short_by(failing: asyncio.Task[None]) -> AsyncIterator[None]:
    body = asyncio.current_task()
    assert body

    def cut_short(_: object) -> None:
        if _failed(failing):
            body.cancel()

    failing.add_done_callback(cut_short)
    try:
        yield
    except asyncio.CancelledError:
        if not _failed(failing):
            raise
        body.uncancel()
    finally:
        failing.remove_done_callback(cut_short)
        failing.cancel()
    if problem := _failed(failing):
        raise problem


def _failed(task: asyncio.Task[None]) -> BaseException | None:
    return task.exception() if task.done() and not task.cancelled() else None


@asynccontextmanager
async def _until_told_to_stop(on_signal: Callable[[], None]) -> AsyncIterator[None]:
    """A stop signal cancels the body and is an orderly end of it; while the body ends, more of them change nothing."""
    loop = asyncio.get_running_loop()
    body = asyncio.current_task()
    assert body
    told = asyncio.Event()

    def stop() -> None:
        if not told.is_set():
            told.set()
            on_signal()
            body.cancel()

    for number in _STOPPING:
        loop.add_signal_handler(number, stop)
    try:
        yield
    except asyncio.CancelledError:
        if not told.is_set():
            raise
        body.uncancel()
    finally:
        for number in _STOPPING:
            loop.remove_signal_handler(number)
