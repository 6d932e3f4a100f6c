"""Passwords and keys of one data directory: generated once, kept in a file only its owner can read."""

import json
import os
import secrets
from pathlib import Path


class KeptSecrets:
    def __init__(self, file: Path) -> None:
        self._file = file
        self._values: dict[str, str] = json.loads(file.read_text()) if file.exists() else {}

    def get(self, name: str, *, prefix: str = "", length: int = 24) -> str:
        """The secret called `name`, generated on first use; `length` is in random bytes."""
        if name not in self._values:
            self._values[name] = prefix + secrets.token_urlsafe(length)
            write_privately(self._file, json.dumps(self._values, indent=2))
        return self._values[name]


def write_privately(file: Path, text: str) -> None:
    """Replace `file` in one step, never readable by others."""
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    draft.replace(file)
