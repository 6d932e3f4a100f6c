"""The placing of an order, from what a buyer sent or from a cart: one claim, one workflow, one answer."""

from functools import partial
from typing import Annotated, Any, Literal, NamedTuple

from fastapi import Depends, Request, Response
from pydantic import Field, StringConstraints
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from api import calls, orders
from api.deps import CorrelationId, Principal, Wired, count
from api.idempotency import Answer, Call, Claim, Once
from api.limits import Quota
from api.metrics import Measured
from api.orders import AcceptedOrder
from api.schemas import Sent
from db.ids import new_id
from db.pricing import one_currency
from db.tables import Order
from domain.addresses import Address
from domain.discounts import DiscountCode
from domain.errors import CartCheckedOut, HoldfastError
from domain.money import Minor
from domain.order_view import OrderView
from domain.orders import Item, Placement
from domain.payments import Choice
from domain.values import TEXT, WORD

Notes = Annotated[str, StringConstraints(max_length=2000, pattern=TEXT)]
Word = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100, pattern=WORD)]

# How placing calls answer, for the OpenAPI document.
PLACED: dict[int | str, dict[str, Any]] = {
    201: {"model": OrderView, "description": "The order after its first payment attempt."},
    202: {"model": OrderView | AcceptedOrder, "description": "Accepted; look again at the Location."},
}


class CardPayment(Sent):
    """A provider's token for a card; card numbers are never taken.

    Without the token the answer's `next_action` is `confirm_card`, and the buyer's browser gives the card to the
    provider with its client secret.
    """

    method: Literal["card"]
    payment_method_id: Annotated[str | None, StringConstraints(pattern=r"^pm_[A-Za-z0-9_]{1,100}$")] = None
    capture: Literal["automatic", "manual"] = "automatic"


class CheckoutRequest(Sent):
    """All of an order but its items; prices, tax and shipping are computed by the server.

    `expected_total` is in minor units.
    """

    shipping_address: Address
    billing_address: Address | None = None
    shipping_method: Word = "standard"
    discount_code: DiscountCode | None = None
    expected_total: Annotated[Minor, Field(ge=0)] | None = None
    notes: Notes | None = None
    payment: CardPayment


class OrderRequest(CheckoutRequest):
    """What a buyer wants; prices, tax and shipping are computed by the server. `expected_total` in minor units."""

    items: Annotated[list[Item], Field(min_length=1, max_length=200)]


class Source(NamedTuple):
    """The cart that an order is made of, as it was read; `order_id` is the order that it became before."""

    cart_id: str
    cart_version: int
    order_id: str | None


class Placing:
    """Places orders, each once per Idempotency-Key."""

    def __init__(
        self, request: Request, wired: Wired, once: Once, correlation: CorrelationId, measured: Measured
    ) -> None:
        self._request = request
        self._wired = wired
        self._once = once
        self._correlation = correlation
        self._measured = measured

    async def once(self, caller: Principal, route: str, body: OrderRequest, source: Source | None = None) -> Response:
        """Place the order and answer after its first payment attempt; a cart and its version are part of the body.

        Raises the refusal that the order ended in, or WorkflowsUnavailable when Temporal can't be reached.
        """
        wired, request_id = self._wired, new_id("req")

        async def currency_of(session: AsyncSession, claim: Claim) -> str:
            # A repeat guesses at nothing new.
            if body.discount_code is not None and claim.request_id == request_id:
                await count(self._request, Quota.DISCOUNT_CODES, caller.account_id)
            return await _currency(session, body, claim.resource_id)

        async def act(claim: Claim, currency: str) -> Answer:
            placement = self._placement(body, claim, caller, currency)
            try:
                _check_own(source, claim)
                said = await calls.place(wired.temporal, placement, wired.answer_budget_seconds)
            except HoldfastError:
                # A refusal, or nobody was told that the order will come.
                claim.owed = False
                raise
            claim.owed = said is calls.Said.LATER
            return await orders.outcome(wired, caller, claim, 201)

        call = Call(
            caller=caller,
            route=route,
            body=_claimed_body(body, source),
            resource_id=new_id("ord"),
            recall=partial(orders.recall, wired, caller, 201),
            prepare=currency_of,
            act=act,
            request_id=request_id,
            owed=True,
        )
        async with wired.placing:
            return await self._measured.placing(self._once.once(call))

    def _placement(self, body: OrderRequest, claim: Claim, caller: Principal, currency: str) -> Placement:
        """What the workflow may know: ids, quantities, and of the address only what tax and shipping depend on."""
        return Placement(
            order_id=claim.resource_id,
            request_id=claim.request_id,
            buyer_id=caller.account_id,
            items=tuple(body.items),
            currency=currency,
            destination=body.shipping_address.place,
            shipping_method=body.shipping_method,
            expected_total=body.expected_total,
            payment=Choice.model_validate(body.payment, from_attributes=True),
            policy=self._wired.policy,
            correlation_id=self._correlation,
        )


async def _currency(session: AsyncSession, body: OrderRequest, order_id: str) -> str:
    """Raises ProductUnavailable or MixedCurrencies, but for an order that stands: its goods may be off sale by now."""
    try:
        return await one_currency(session, {item.product_id for item in body.items})
    except HoldfastError:
        standing: str | None = await session.scalar(select(Order.currency).where(Order.id == order_id))
        if standing is None:
            raise
        return standing


def _claimed_body(body: OrderRequest, source: Source | None) -> dict[str, Any]:
    """What the placing activity reads again; with the cart that it closes in the order's own transaction."""
    sent = body.model_dump(mode="json")
    return sent if source is None else {**sent, "cart_id": source.cart_id, "cart_version": source.cart_version}


def _check_own(source: Source | None, claim: Claim) -> None:
    """Refuse what the activity would refuse, before a workflow is started for it. Raises CartCheckedOut."""
    if source is not None and source.order_id not in {None, claim.resource_id}:
        raise CartCheckedOut(cart_id=source.cart_id, order_id=source.order_id)


Place = Annotated[Placing, Depends()]
