"""Fulfilment: one per seller of an order, from packing to the buyer's door."""

from enum import StrEnum

from domain.moves import Moves


class FulfilmentStatus(StrEnum):
    PENDING = "pending"
    SHIPPED = "shipped"
    DELIVERED = "delivered"
    CANCELLED = "cancelled"


_P, _S, _D, _C = FulfilmentStatus
FULFILMENT_MOVES = Moves(
    "fulfilment",
    {_P: frozenset({_S, _C}), _S: frozenset({_D}), _D: frozenset(), _C: frozenset()},
)
