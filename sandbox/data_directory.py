"""The directory a stack lives in: claimed by one supervisor at a time; an ephemeral one is removed at the end."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from sandbox.errors import DataDirectoryForeign, DataDirectoryInUse
from sandbox.identity import make_reachable

_EPHEMERAL = "holdfast-"


@dataclass(frozen=True)
class DataDirectory:
    """`left_running` tells that its last supervisor was killed, so that children may still be on their way out."""

    path: Path
    left_running: bool

    @property
    def postgres(self) -> Path:
        return self.path / "postgres"

    @property
    def temporal(self) -> Path:
        return self.path / "temporal"

    @property
    def chain(self) -> Path:
        return self.path / "chain"

    @property
    def deployments(self) -> Path:
        return self.path / "deployments"

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    @property
    def secrets(self) -> Path:
        return self.path / "secrets.json"

    @property
    def stripe_state(self) -> Path:
        return self.path / "stripe" / "state.json"

    @property
    def bytecode(self) -> Path:
        return self.path / "bytecode"

    @property
    def worker_ready(self) -> Path:
        return self.path / "worker.ready"


@contextmanager
def claimed(path: Path) -> Iterator[DataDirectory]:
    path = path.resolve()
    make_reachable(path)
    with _lock_file(path) as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DataDirectoryInUse(path, lock.read().strip()) from None
        directory = DataDirectory(path, left_running=bool(lock.read()))
        for folder in (directory.temporal, directory.logs, directory.stripe_state.parent):
            folder.mkdir(mode=0o700, exist_ok=True)
        _write(lock, str(os.getpid()))
        try:
            yield directory
        finally:
            _write(lock, "")


@contextmanager
def ephemeral() -> Iterator[DataDirectory]:
    _remove_abandoned()
    path = Path(tempfile.mkdtemp(prefix=_EPHEMERAL))
    try:
        if os.geteuid() == 0:
            # PostgreSQL, as nobody, must pass through; what is in it keeps its own modes.
            path.chmod(0o711)
        with claimed(path) as directory:
            yield directory
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _remove_abandoned() -> None:
    # What a killed run could not remove itself.
    for path in Path(tempfile.gettempdir()).glob(f"{_EPHEMERAL}*"):
        with suppress(OSError), (path / "lock").open("r+") as lock:
            # One just being made holds no pid yet.
            if lock.read():
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(path, ignore_errors=True)


def _lock_file(path: Path) -> IO[str]:
    try:
        return os.fdopen(os.open(path / "lock", os.O_RDWR | os.O_CREAT, 0o600), "r+")
    except PermissionError:
        raise DataDirectoryForeign(path) from None


def _write(lock: IO[str], text: str) -> None:
    lock.seek(0)
    lock.truncate()
    lock.write(text)
    lock.flush()
