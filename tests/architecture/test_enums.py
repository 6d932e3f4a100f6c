"""Every status of the domain has a total transition table and a check constraint made from it."""

from enum import StrEnum

import pytest
from sqlalchemy import CheckConstraint, Enum

from db.tables import Table
from domain.accounts import ACCOUNT_MOVES, AccountStatus
from domain.fulfilment import FULFILMENT_MOVES, FulfilmentStatus
from domain.moves import Moves
from domain.orders import ORDER_MOVES, OrderStatus
from domain.payments import OPERATION_MOVES, OperationState
from domain.refunds import REFUND_MOVES, RefundStatus

TABLES: list[tuple[type[StrEnum], Moves[StrEnum]]] = [
    (OrderStatus, ORDER_MOVES),  # type: ignore[list-item]  # Moves is invariant in its status
    (FulfilmentStatus, FULFILMENT_MOVES),  # type: ignore[list-item]
    (OperationState, OPERATION_MOVES),  # type: ignore[list-item]
    (RefundStatus, REFUND_MOVES),  # type: ignore[list-item]
    (AccountStatus, ACCOUNT_MOVES),  # type: ignore[list-item]
]


@pytest.mark.parametrize(("status", "moves"), TABLES, ids=lambda each: getattr(each, "__name__", "moves"))
def test_a_transition_table_is_total(status: type[StrEnum], moves: Moves[StrEnum]) -> None:
    assert set(moves.table) == set(status)
    assert all(after in status for allowed in moves.table.values() for after in allowed)


def test_every_status_column_has_its_check_constraint() -> None:
    for table in Table.metadata.tables.values():
        for column in table.columns:
            if not isinstance(column.type, Enum):
                continue
            assert not column.type.native_enum
            checks = [each for each in table.constraints if isinstance(each, CheckConstraint)]
            assert any(str(column.type.name) in str(each.name) for each in checks), f"{table.name}.{column.name}"
