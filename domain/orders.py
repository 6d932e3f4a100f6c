"""Orders: statuses and their moves, and what starts and changes an order."""

from decimal import Decimal
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from domain.addresses import Destination
from domain.ids import AccountId, FulfilmentId, OrderId, ProductId, RequestId
from domain.money import Currency, Minor
from domain.moves import Moves
from domain.payments import Choice, PaymentStatus
from domain.repair import HoldReason, Resolution
from domain.values import Value


class OrderStatus(StrEnum):
    PENDING = "pending"
    CONFIRMED = "confirmed"
    SHIPPED = "shipped"
    DELIVERED = "delivered"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    FAILED = "failed"


_P, _O, _S, _D, _C, _X, _F = OrderStatus
ORDER_MOVES = Moves(
    "order",
    {
        _P: frozenset({_O, _X, _F}),
        _O: frozenset({_S, _X, _F}),
        _S: frozenset({_D}),
        _D: frozenset({_C}),
        _C: frozenset(),
        _X: frozenset(),
        _F: frozenset(),
    },
)
OPEN = frozenset(status for status in OrderStatus if not ORDER_MOVES.is_terminal(status))


class SettlementStatus(StrEnum):
    """Token money only; `none` for every other method."""

    NONE = "none"


class CancelReason(StrEnum):
    REQUESTED = "requested"
    EXPIRED = "expired"
    OPERATOR = "operator"


class Role(StrEnum):
    BUYER = "buyer"
    SELLER = "seller"
    ADMIN = "admin"


class Item(Value):
    product_id: ProductId
    quantity: Annotated[int, Field(strict=True, ge=1, le=100_000)]


class Policy(Value):
    """The deployment's deadlines, in seconds, and its rate of commission; frozen with the order."""

    payment_deadline: int
    inspection_window: int
    # How long before the provider lets held money lapse it is given back, if nothing was shipped.
    capture_margin: int = 21_600
    # What the deployment keeps of sellers' sales, as a fraction, unless their account says another.
    commission_rate: Annotated[Decimal, Field(ge=0, lt=1, max_digits=7, decimal_places=6)] = Decimal(0)


class Placement(Value):
    """What OrderWorkflow is started with. Names, addresses and notes stay in the request claim (`request_id`)."""

    order_id: OrderId
    request_id: RequestId
    buyer_id: AccountId
    items: tuple[Item, ...]
    currency: Currency
    destination: Destination
    shipping_method: str
    expected_total: Minor | None = None
    payment: Choice
    policy: Policy
    correlation_id: str


class Command(Value):
    """A person's order to an open order. The body they sent (reason, tracking) stays in the request claim."""

    request_id: RequestId
    actor_id: AccountId
    role: Role
    fulfilment_id: FulfilmentId | None = None
    restock: bool = True
    payment: Choice | None = None
    hold: HoldReason | None = None
    resolution: Resolution | None = None
    correlation_id: str


class OrderState(Value):
    """The short answer of an update, and the result of the workflow: what the Web UI shows."""

    order_id: OrderId
    status: OrderStatus
    payment_status: PaymentStatus
