"""What can go wrong with the embedded stack; each says in a sentence what to do or shows the log.

StackError
├── ChildDied            a program ended before it was ready, or a step failed
├── ChildNotReady
├── ServerRefused        it runs, but its set-up failed
├── KeepsCrashing        restarting it any further is no use
├── PackageMissing
├── CannotLeaveRoot
├── LeftoversRemain
├── NoFreePort
├── PortsTaken
├── DataDirectoryInUse
└── DataDirectoryForeign
"""

from collections.abc import Mapping
from pathlib import Path
from signal import Signals


class StackError(Exception):
    pass


class ChildDied(StackError):
    def __init__(self, name: str, returncode: int, tail: str) -> None:
        self.name = name
        self.returncode = returncode
        self.tail = tail
        super().__init__(f"{name} ended with {ending(returncode)}.\n{tail}".rstrip())


class ChildNotReady(StackError):
    def __init__(self, name: str, within: float, tail: str) -> None:
        self.name = name
        self.within = within
        self.tail = tail
        super().__init__(f"{name} was not ready within {within:.0f} s.\n{tail}".rstrip())


class ServerRefused(StackError):
    def __init__(self, name: str, reason: str) -> None:
        self.name = name
        self.reason = reason
        super().__init__(f"{name} runs but could not be set up: {reason}")


class KeepsCrashing(StackError):
    def __init__(self, name: str, crashes: int, log: Path, tail: str) -> None:
        self.name = name
        self.crashes = crashes
        self.tail = tail
        super().__init__(f"{name} crashed {crashes} times in a row; the end of {log}:\n{tail}".rstrip())


class PackageMissing(StackError):
    def __init__(self, package: str) -> None:
        self.package = package
        super().__init__(f"The package {package} is not installed: install holdfast[sandbox].")


class CannotLeaveRoot(StackError):
    def __init__(self, *, binaries: Path, directory: Path) -> None:
        self.binaries = binaries
        self.directory = directory
        super().__init__(
            f"PostgreSQL will not run as root, user nobody cannot reach {binaries} and {directory}, "
            "and user namespaces are not available: run as an ordinary user."
        )


class LeftoversRemain(StackError):
    def __init__(self, folder: Path, pids: list[int]) -> None:
        self.folder = folder
        self.pids = pids
        super().__init__(f"Processes {pids} of an earlier run still use {folder} and cannot be ended.")


class NoFreePort(StackError):
    def __init__(self, candidates: range) -> None:
        super().__init__(f"No free port found between {candidates.start} and {candidates.stop}.")


class PortsTaken(StackError):
    def __init__(self, taken: Mapping[str, int]) -> None:
        self.taken = taken
        names = ", ".join(f"port {port} ({name})" for name, port in taken.items())
        super().__init__(f"In use by another program: {names}. Stop it, or choose free ports with --free-ports.")


class DataDirectoryInUse(StackError):
    def __init__(self, directory: Path, pid: str) -> None:
        self.directory = directory
        super().__init__(
            f"Another `holdfast up` (pid {pid or 'unknown'}) runs on {directory}. "
            "Stop it, or choose another directory or --ephemeral."
        )


class DataDirectoryForeign(StackError):
    def __init__(self, directory: Path) -> None:
        self.directory = directory
        super().__init__(f"{directory} belongs to another user: choose another directory or --ephemeral.")


def ending(returncode: int) -> str:
    return Signals(-returncode).name if returncode < 0 else f"code {returncode}"
