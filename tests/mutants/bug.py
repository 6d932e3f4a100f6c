"""What a deliberate bug is: one exact text of one file replaced by another, and the tests that must notice."""

from dataclasses import dataclass
from pathlib import Path


class StaleBug(Exception):
    """The bug's old text is not in its file exactly once: the list has to follow the code."""

    def __init__(self, bug: "Bug", count: int) -> None:
        super().__init__(f"{bug.name}: its old text is {count} times in {bug.file}, and must be there once.")


@dataclass(frozen=True, slots=True)
class Bug:
    """`story` says what is wrong with it; `caught_by` are node ids below `tests/`."""

    name: str
    story: str
    file: str
    old: str
    new: str
    caught_by: tuple[str, ...]

    @property
    def tests(self) -> tuple[str, ...]:
        return tuple(f"tests/{each}" for each in self.caught_by)

    def in_text(self, sound: str) -> str:
        """The file's text with the bug. Raises StaleBug."""
        count = sound.count(self.old)
        if count != 1:
            raise StaleBug(self, count)
        return sound.replace(self.old, self.new)

    def in_tree(self, tree: Path) -> str:
        """The text of the bug's file with the bug. Raises StaleBug."""
        path = tree / self.file
        return self.in_text(path.read_text() if path.exists() else "")
