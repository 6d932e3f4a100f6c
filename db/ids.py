"""Keys: UUIDv7 in rows, TypeIDs everywhere else."""

from typing import Any
from uuid import UUID

from sqlalchemy import Uuid
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator
from typeid import TypeID
from typeid.core.errors import TypeIDException


def new_id(prefix: str) -> str:
    """A fresh, time-ordered TypeID."""
    return str(TypeID(prefix=prefix))


class TypeIdColumn(TypeDecorator[str]):
    """A UUID column that reads and writes TypeIDs of one prefix."""

    impl = Uuid
    cache_ok = True

    def __init__(self, prefix: str) -> None:
        super().__init__()
        self.prefix = prefix

    def reads(self, value: str) -> bool:
        """Whether the text is an id of this column's kind."""
        return self._parsed(value) is not None

    def _parsed(self, value: str) -> TypeID[str] | None:
        try:
            identity = TypeID.from_string(value)
        except TypeIDException:
            return None
        return identity if identity.prefix == self.prefix else None

    def process_bind_param(self, value: str | None, dialect: Dialect) -> UUID | None:  # noqa: ARG002 - SQLAlchemy's signature
        if value is None:
            return None
        identity = self._parsed(value)
        if identity is None:
            message = f"{value} is not a {self.prefix} id"
            raise ValueError(message)
        return UUID(int=identity.uuid.int)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> str | None:  # noqa: ANN401, ARG002 - SQLAlchemy's signature
        return None if value is None else str(TypeID.from_uuid(value, self.prefix))
