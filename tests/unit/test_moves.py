"""Every pair of statuses: allowed or refused as the documents say (M5, M8, R3; architecture, states)."""

from enum import StrEnum
from itertools import product

import pytest

from domain.errors import IllegalMove
from domain.fulfilment import FULFILMENT_MOVES, FulfilmentStatus
from domain.moves import Moves
from domain.orders import ORDER_MOVES, OrderStatus
from domain.payments import OPERATION_MOVES, OperationState
from domain.refunds import REFUND_MOVES, RefundStatus

LEGAL = {
    # Cancelled or failed until the goods leave: after shipping a refund request is the way.
    "order": """
        pending confirmed, pending cancelled, pending failed
        confirmed shipped, confirmed cancelled, confirmed failed
        shipped delivered
        delivered completed
    """,
    "fulfilment": "pending shipped, pending cancelled, shipped delivered",
    # Unknown is resolved to whatever the provider says; only a refund fails after it succeeded.
    "operation": """
        intended pending, intended succeeded, intended failed, intended unknown
        pending pending, pending succeeded, pending failed, pending unknown
        unknown pending, unknown succeeded, unknown failed
        succeeded failed
    """,
    "refund": """
        pending approved, pending rejected
        approved processing, approved completed, approved failed
        processing processing, processing completed, processing failed
        completed failed, completed reversed
    """,
}
TERMINAL = {
    "order": {"completed", "cancelled", "failed"},
    "fulfilment": {"delivered", "cancelled"},
    "operation": {"failed"},
    "refund": {"rejected", "failed", "reversed"},
}
MOVES: list[tuple[Moves[StrEnum], type[StrEnum]]] = [
    (ORDER_MOVES, OrderStatus),  # type: ignore[list-item]  # Moves is invariant in its status
    (FULFILMENT_MOVES, FulfilmentStatus),  # type: ignore[list-item]
    (OPERATION_MOVES, OperationState),  # type: ignore[list-item]
    (REFUND_MOVES, RefundStatus),  # type: ignore[list-item]
]
PAIRS = [(moves, before, after) for moves, statuses in MOVES for before, after in product(statuses, repeat=2)]


def legal(moves: Moves[StrEnum]) -> set[tuple[str, ...]]:
    lines = LEGAL[moves.noun].strip().replace("\n", ",").split(",")
    return {tuple(line.split()) for line in lines}


@pytest.mark.parametrize(
    ("moves", "before", "after"), PAIRS, ids=[f"{moves.noun}-{before}-{after}" for moves, before, after in PAIRS]
)
def test_a_move_is_made_when_the_documents_have_it_and_refused_otherwise(
    moves: Moves[StrEnum], before: StrEnum, after: StrEnum
) -> None:
    if (before, after) in legal(moves):
        assert moves.allows(before, after)
        assert moves.check(before, after) is after
    else:
        assert not moves.allows(before, after)
        with pytest.raises(IllegalMove, match=f"^{moves.noun} can't move from {before} to {after}.$"):
            moves.check(before, after)


@pytest.mark.parametrize(("moves", "statuses"), MOVES, ids=[moves.noun for moves, _ in MOVES])
def test_a_status_without_a_move_is_an_end(moves: Moves[StrEnum], statuses: type[StrEnum]) -> None:
    assert {status for status in statuses if moves.is_terminal(status)} == TERMINAL[moves.noun]


@pytest.mark.parametrize(
    ("statuses", "documented"),
    [
        (OrderStatus, "pending confirmed shipped delivered completed cancelled failed"),
        (FulfilmentStatus, "pending shipped delivered cancelled"),
        (RefundStatus, "pending approved rejected processing completed failed reversed"),
    ],
)
def test_statuses_are_those_of_the_documents(statuses: type[StrEnum], documented: str) -> None:
    assert [str(status) for status in statuses] == documented.split()
