"""Transition tables: which status may follow which."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Generic, TypeVar

from domain.errors import IllegalMove

Status = TypeVar("Status", bound=StrEnum)


class Moves(Generic[Status]):
    """The legal moves of one status enum, total over its members."""

    def __init__(self, noun: str, table: Mapping[Status, frozenset[Status]]) -> None:
        self.noun = noun
        self.table = table

    def allows(self, before: Status, after: Status) -> bool:
        return after in self.table[before]

    def check(self, before: Status, after: Status) -> Status:
        """The status to write. Raises IllegalMove when the table does not have the move."""
        if not self.allows(before, after):
            raise IllegalMove(noun=self.noun, before=before, after=after)
        return after

    def is_terminal(self, status: Status) -> bool:
        return not self.table[status]
