"""What an order looks like from outside: to its buyer, to a seller, and to staff."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import Field

from domain.addresses import Address
from domain.fulfilment import FulfilmentStatus
from domain.ids import AccountId, FulfilmentId, LineId, OrderId, PaymentId, ProductId, RefundId
from domain.money import Money
from domain.orders import CancelReason, OrderStatus, SettlementStatus
from domain.payments import AttemptStatus, CaptureMode, PaymentMethod, PaymentStatus
from domain.refunds import RefundReason, RefundStatus
from domain.values import Value


class ConfirmCard(Value):
    type: Literal["confirm_card"] = "confirm_card"
    client_secret: str


class ThreeDS(Value):
    type: Literal["three_ds"] = "three_ds"
    client_secret: str


class ChooseMethod(Value):
    type: Literal["choose_method"] = "choose_method"
    until: datetime


NextAction = Annotated[ConfirmCard | ThreeDS | ChooseMethod, Field(discriminator="type")]


class LineView(Value):
    id: LineId
    product_id: ProductId
    seller_id: AccountId
    fulfilment_id: FulfilmentId
    name: str
    quantity: int
    unit_price: Money
    subtotal: Money
    discount: Money
    tax: Money
    total: Money


class TotalsView(Value):
    subtotal: Money
    discount: Money
    tax: Money
    shipping: Money
    total: Money


class FulfilmentView(Value):
    id: FulfilmentId
    seller_id: AccountId
    status: FulfilmentStatus
    carrier: str | None = None
    tracking_number: str | None = None
    tracking_url: str | None = None
    shipped: datetime | None = None
    delivered: datetime | None = None
    accepted: bool = False


# Only then is there something to send, or a parcel that may come back.
_SHIPPED_FROM = frozenset({OrderStatus.CONFIRMED, OrderStatus.SHIPPED, OrderStatus.DELIVERED, OrderStatus.COMPLETED})
_ACCUSING = frozenset({"fraudulent", "lost_card", "merchant_blacklist", "stolen_card"})


class AttemptView(Value):
    """One try to pay. `failure` is for the buyer; `decline_code` is the provider's, and for staff as it is."""

    number: int
    created: datetime
    status: AttemptStatus
    decline_code: str | None
    failure: str | None

    def for_buyer(self) -> Self:
        """Codes that accuse are for staff only: https://docs.stripe.com/declines/codes"""
        return self.model_copy(update={"decline_code": "generic_decline"}) if self.decline_code in _ACCUSING else self


class PaymentView(Value):
    """What is owed for an order, what was tried, and what came of it."""

    id: PaymentId
    object: Literal["payment"] = "payment"
    created: datetime
    number: str
    order_id: OrderId
    method: PaymentMethod
    capture: CaptureMode
    provider: str
    status: PaymentStatus
    amount: Money
    authorized: Money
    captured: Money
    refunded: Money
    capture_before: datetime | None
    attempts: tuple[AttemptView, ...]

    def for_buyer(self) -> Self:
        return self.model_copy(update={"attempts": tuple(each.for_buyer() for each in self.attempts)})


class RefundView(Value):
    """`failure_reason` is the provider's; a refund can fail days after it was paid: `failed_after_success` then."""

    id: RefundId
    object: Literal["refund"] = "refund"
    created: datetime
    number: str
    status: RefundStatus
    reason: RefundReason
    amount: Money
    failure_reason: str | None = None
    failed_after_success: bool = False


class WorkflowLink(Value):
    """Where an operator reads the order's whole life; the address is there when the deployment has a Web UI."""

    id: str
    url: str | None = None


def told_to_seller(status: PaymentStatus) -> PaymentStatus:
    """Whether the order is paid concerns a seller; that some of it went back may be about another's goods."""
    return PaymentStatus.COMPLETED if status is PaymentStatus.PARTIALLY_REFUNDED else status


class OrderView(Value):
    """An order as staff see it.

    `notes` are the buyer's, for who ships; `seller_notes` are what sellers noted on their parts, by the parts' ids:
    each sees their own, the buyer none.
    """

    id: OrderId
    object: Literal["order"] = "order"
    created: datetime
    updated: datetime
    number: str
    buyer_id: AccountId
    status: OrderStatus
    payment_status: PaymentStatus
    settlement_status: SettlementStatus = SettlementStatus.NONE
    cancel_reason: CancelReason | None = None
    held: bool = False
    next_action: NextAction | None = None
    lines: tuple[LineView, ...]
    totals: TotalsView
    fulfilments: tuple[FulfilmentView, ...]
    payments: tuple[PaymentView, ...]
    refunds: tuple[RefundView, ...]
    discount_code: str | None = None
    shipping_method: str
    shipping_address: Address | None
    billing_address: Address | None = None
    notes: str | None = None
    seller_notes: Mapping[FulfilmentId, str] = Field(default_factory=dict)
    workflow: WorkflowLink | None = None

    def for_buyer(self) -> Self:
        payments = tuple(each.for_buyer() for each in self.payments)
        return self.model_copy(update={"payments": payments, "seller_notes": {}})

    def for_seller(self, seller_id: str) -> Self:
        """What a seller sees: own lines and fulfilments, where to ship while it is the seller's to ship, no payment."""
        fulfilments = tuple(each for each in self.fulfilments if each.seller_id == seller_id)
        ships = self.status in _SHIPPED_FROM and any(
            each.status is not FulfilmentStatus.CANCELLED for each in fulfilments
        )
        lines = tuple(line for line in self.lines if line.seller_id == seller_id)
        own = {each.id for each in fulfilments}
        currency = self.totals.total.currency

        def total(of: str) -> Money:
            return sum((getattr(line, of) for line in lines), Money.zero(currency))

        totals = TotalsView(
            subtotal=total("subtotal"),
            discount=total("discount"),
            tax=total("tax"),
            shipping=Money.zero(currency),
            total=total("total"),
        )
        return self.model_copy(
            update={
                "payment_status": told_to_seller(self.payment_status),
                "lines": lines,
                "totals": totals,
                "fulfilments": fulfilments,
                "payments": (),
                "refunds": (),
                "next_action": None,
                "discount_code": None,
                "billing_address": None,
                "shipping_address": self.shipping_address if ships else None,
                "notes": self.notes if ships else None,
                "seller_notes": {part: text for part, text in self.seller_notes.items() if part in own},
            }
        )
