"""What an order should do, said a second time and without any I/O: a small model that the system is held against."""

from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum

PRICE = 1999
_TAX = Decimal("0.0725")
_SHIPPING = 500


class Card(StrEnum):
    GOOD = "pm_card_visa"
    DECLINED = "pm_card_chargeDeclined"
    CHALLENGED = "pm_card_authenticationRequired"
    CHALLENGED_THEN_DECLINED = "pm_card_threeDSecureRequiredChargeDeclined"


@dataclass(frozen=True, slots=True)
class Done:
    """The command is accepted, and answered with the order as it is then.

    There may be two payment statuses: money on its way back may have arrived when the answer is written.
    """

    status: str
    payment: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Refused:
    """The command is refused with 409 and this code, and changes nothing."""

    code: str


Answer = Done | Refused


def total_of(quantity: int) -> int:
    """The price in minor units, with tax and shipping to California."""
    goods = PRICE * quantity
    return goods + int((goods * _TAX).quantize(Decimal(1), ROUND_HALF_UP)) + _SHIPPING


@dataclass(frozen=True, slots=True)
class Order:
    """One order at rest: everything that follows from its last command by itself has happened."""

    quantity: int
    capture: str = "automatic"
    status: str = "pending"
    payment: str = "pending"
    card: Card | None = None
    authorized: int = 0
    captured: int = 0
    refunded: int = 0
    voided: int = 0
    # Of its pieces: set aside for it, and off the shelf for good.
    held: int = 0
    gone: int = 0

    @property
    def total(self) -> int:
        return total_of(self.quantity)

    @property
    def closed(self) -> bool:
        return self.status in {"completed", "cancelled"}

    @property
    def at_the_bank(self) -> bool:
        return self.payment == "requires_action"

    @property
    def unpaid(self) -> bool:
        """Another card is waited for."""
        return not self.closed and self.payment == "failed"

    @property
    def under_way(self) -> bool:
        """The goods have left, and the order is not complete."""
        return self.status in {"shipped", "delivered"}

    def pay(self, card: Card, capture: str) -> tuple["Order", Answer]:
        """Another card, while none was taken yet and the bank is not waiting for the buyer."""
        if self.closed:
            return self, Refused("order_closed")
        if not self.unpaid:
            return self, Refused("payment_not_open")
        return _answered(_try(self, card, capture))

    def answer_bank(self, *, passed: bool) -> "Order":
        """The buyer passes the bank's challenge, or fails it."""
        assert self.at_the_bank
        assert self.card is not None
        if passed and self.card is Card.CHALLENGED:
            return _paid(self)
        return replace(self, payment="failed")

    def ship(self) -> tuple["Order", Answer]:
        if self.closed:
            return self, Refused("order_closed")
        if self.status != "confirmed":
            return self, Refused("order_not_shippable")
        return _answered(
            replace(
                self, status="shipped", payment="completed", captured=self.total, held=0, gone=self.gone + self.held
            )
        )

    def deliver(self, *, by_buyer: bool) -> tuple["Order", Answer]:
        """A buyer's word is final; another's only starts the inspection window."""
        if self.closed:
            return self, Refused("order_closed")
        if self.status not in {"shipped", "delivered"}:
            return self, Refused("order_not_deliverable")
        delivered = replace(self, status="delivered")
        rest = replace(self, status="completed") if by_buyer else delivered
        return rest, _answered(delivered)[1]

    def cancel(self, *, restock: bool) -> tuple["Order", Answer]:
        """Before shipment only: what was taken goes back, what is held is released."""
        if self.closed:
            return self, Refused("order_closed")
        if self.under_way:
            return self, Refused("order_not_cancellable")
        gone = replace(self, status="cancelled", held=0, gone=0 if restock else self.held)
        if self.captured:
            rest = replace(gone, payment="refunded", refunded=self.captured)
            return rest, Done("cancelled", ("completed", "refunded"))
        return _answered(replace(gone, payment="cancelled", voided=self.authorized))


def place(quantity: int, card: Card, capture: str, available: int) -> tuple[Order | None, Answer]:
    """A new order, or none when there is too little on the shelf."""
    if quantity > available:
        return None, Refused("out_of_stock")
    return _answered(_try(Order(quantity, held=quantity), card, capture))


def _try(order: Order, card: Card, capture: str) -> Order:
    tried = replace(order, card=card, capture=capture)
    match card:
        case Card.GOOD:
            return _paid(tried)
        case Card.DECLINED:
            return replace(tried, payment="failed")
        case Card.CHALLENGED | Card.CHALLENGED_THEN_DECLINED:
            return replace(tried, payment="requires_action")


def _paid(order: Order) -> Order:
    held = replace(order, status="confirmed", authorized=order.total)
    if order.capture == "manual":
        return replace(held, payment="authorized")
    return replace(held, payment="completed", captured=order.total)


def _answered(order: Order) -> tuple[Order, Answer]:
    return order, Done(order.status, (order.payment,))
