"""Running a program as an ordinary user, whoever runs the tests."""

import os
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

_NOBODY = 65534


def prefix() -> tuple[str, ...]:
    """For a root whose Python others cannot reach, a user namespace in which root is somebody else."""
    if os.geteuid() != 0:
        return ()
    interpreter = Path(sys.executable).resolve()
    if all(path.stat().st_mode & stat.S_IXOTH for path in (interpreter, *interpreter.parents)):
        return ("setpriv", f"--reuid={_NOBODY}", f"--regid={_NOBODY}", "--clear-groups")
    return ("unshare", f"--map-user={_NOBODY}", f"--map-group={_NOBODY}")


@contextmanager
def home() -> Iterator[Path]:
    """A directory of that user's with an empty `tmp`, outside of pytest's, which is root's alone."""
    with TemporaryDirectory(dir=tempfile.gettempdir()) as folder:
        scratch = Path(folder, "tmp")
        scratch.mkdir()
        if prefix()[:1] == ("setpriv",):
            os.chown(folder, _NOBODY, _NOBODY)
            os.chown(scratch, _NOBODY, _NOBODY)
        yield Path(folder)
