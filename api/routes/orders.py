"""Orders: place, read, pay, ship, deliver, cancel (M1 to M8)."""

from functools import partial
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field, HttpUrl, StrictBool, StringConstraints, field_validator
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.convertors import StringConvertor, register_url_convertor

from api import calls, conditional, orders
from api.commands import DONE, CommandResult, Send
from api.conditional import NoneMatch, Wait
from api.deps import Admin, Buyer, CorrelationId, Principal, SignedIn, Staff, Wired, Wiring, count
from api.idempotency import Answer, Call, Claim, Once
from api.limits import Quota
from api.lists import Page, Paging, page_of
from api.metrics import Measured
from api.orders import AcceptedOrder
from api.schemas import Sent
from db import accounts
from db.commands import PLACE_ROUTE
from db.ids import new_id
from db.pricing import one_currency
from db.tables import Fulfilment, Order, Payment
from domain.addresses import Address, Destination
from domain.discounts import DiscountCode
from domain.errors import HoldfastError, TokenInvalid
from domain.ids import FulfilmentId, OrderId
from domain.money import Minor
from domain.order_view import OrderView
from domain.orders import Item, OrderStatus, Placement, Role
from domain.payments import Choice, PaymentStatus
from domain.repair import HoldReason
from domain.values import TEXT, WORD, Value

router = APIRouter(prefix="/v1/orders", tags=["Orders"])


class _OneOrder(StringConvertor):
    """`/v1/orders/cancel` is about many: it is no order's address."""

    regex = "(?!cancel$)[^/]+"


register_url_convertor("order", _OneOrder())

Notes = Annotated[str, StringConstraints(max_length=2000, pattern=TEXT)]
OperatorNote = Annotated[str, StringConstraints(strip_whitespace=True, max_length=2000, pattern=TEXT)]
Word = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100, pattern=WORD)]


class CardPayment(Sent):
    """A provider's token for a card; card numbers are never taken.

    Without the token the answer's `next_action` is `confirm_card`, and the buyer's browser gives the card to the
    provider with its client secret.
    """

    method: Literal["card"]
    payment_method_id: Annotated[str | None, StringConstraints(pattern=r"^pm_[A-Za-z0-9_]{1,100}$")] = None
    capture: Literal["automatic", "manual"] = "automatic"


class OrderRequest(Sent):
    """What a buyer wants; prices, tax and shipping are computed by the server. `expected_total` in minor units."""

    items: Annotated[list[Item], Field(min_length=1, max_length=200)]
    shipping_address: Address
    billing_address: Address | None = None
    shipping_method: Word = "standard"
    discount_code: DiscountCode | None = None
    expected_total: Annotated[Minor, Field(ge=0)] | None = None
    notes: Notes | None = None
    payment: CardPayment


class ShipRequest(Sent):
    carrier: Word
    tracking_number: Word
    tracking_url: HttpUrl | None = None
    fulfilment_id: FulfilmentId | None = None


class DeliverRequest(Sent):
    fulfilment_id: FulfilmentId | None = None


class CancelRequest(Sent):
    """`restock: false` takes the goods off the shelf instead of giving them back to be sold."""

    reason: Annotated[str, StringConstraints(max_length=500, pattern=TEXT)] = ""
    restock: StrictBool = True


class CancelOneRequest(CancelRequest):
    """`fulfilment_id` names the part of one seller; a seller's own is meant without it."""

    fulfilment_id: FulfilmentId | None = None


class CancelManyRequest(CancelRequest):
    ids: Annotated[list[OrderId], Field(min_length=1, max_length=100, json_schema_extra={"uniqueItems": True})]

    @field_validator("ids")
    @classmethod
    def _each_once(cls, ids: list[OrderId]) -> list[OrderId]:
        if len(set(ids)) < len(ids):
            raise ValueError("An order is named twice")
        return ids


class Cancelled(Value):
    data: list[CommandResult]


class HoldRequest(Sent):
    """`note` stays with the request; it is shown to nobody else."""

    reason: HoldReason
    note: OperatorNote = ""


class ReleaseRequest(Sent):
    note: OperatorNote = ""


class PayRequest(Sent):
    payment: CardPayment


class OrderFilter(BaseModel):
    status: OrderStatus | None = Query(default=None)
    payment_status: PaymentStatus | None = Query(default=None)


AnyOrder = OrderView | AcceptedOrder
_PLACED: dict[int | str, dict[str, Any]] = {
    201: {"model": OrderView, "description": "The order after its first payment attempt."},
    202: {"model": AnyOrder, "description": "Accepted; look again at the Location."},
}


@router.post("", operation_id="placeOrder", status_code=201, responses=_PLACED)
async def place_order(
    body: OrderRequest,
    request: Request,
    caller: Buyer,
    wired: Wired,
    once: Once,
    correlation: CorrelationId,
    measured: Measured,
) -> Response:
    """Place an order and pay it; the answer comes after the first payment attempt."""

    async def currency_of(session: AsyncSession) -> str:
        return await one_currency(session, {item.product_id for item in body.items})

    async def act(claim: Claim, currency: str) -> Answer:
        placement = _placement(body, claim, caller, correlation, currency, wired)
        try:
            said = await calls.place(wired.temporal, placement, wired.answer_budget_seconds)
        except HoldfastError:
            # A refusal, or nobody was told that the order will come.
            claim.owed = False
            raise
        claim.owed = said is calls.Said.LATER
        return await orders.outcome(wired, caller, claim, 201)

    call = Call(
        caller=caller,
        route=PLACE_ROUTE,
        body=body.model_dump(mode="json"),
        resource_id=new_id("ord"),
        recall=partial(orders.recall, wired, caller, 201),
        prepare=currency_of,
        act=act,
        owed=True,
    )
    if body.discount_code is not None:
        await count(request, Quota.DISCOUNT_CODES, caller.account_id)
    async with wired.placing:
        return await measured.placing(once.once(call))


@router.get("", operation_id="listOrders")
async def list_orders(
    caller: SignedIn, wired: Wired, paging: Paging, wanted: Annotated[OrderFilter, Query()]
) -> Page[OrderView]:
    """The caller's orders, newest first: a buyer's own, those with a seller's goods, or all."""
    query = select(Order.id)
    match caller.role:
        case Role.BUYER:
            query = query.where(Order.buyer_id == caller.account_id)
        case Role.SELLER:
            query = query.where(
                Order.id.in_(select(Fulfilment.order_id).where(Fulfilment.seller_id == caller.account_id))
            )
        case Role.ADMIN:
            pass
    if wanted.status is not None:
        query = query.where(Order.status == wanted.status)
    if wanted.payment_status is not None:
        query = query.where(Order.id.in_(select(Payment.order_id).where(Payment.status == wanted.payment_status)))
    async with wired.database.transaction() as session:
        return await page_of(session, query, Order.id, paging, partial(orders.shown_page, wired, caller, session))


@router.get(
    "/{order_id:order}",
    operation_id="getOrder",
    response_model=AnyOrder,
    responses={304: {"description": "It is as If-None-Match knows it."}, 429: {}},
)
async def get_order(
    order_id: OrderId, caller: SignedIn, wired: Wired, known: NoneMatch = None, wait: Wait = 0
) -> Response:
    """One order; an accepted one that is not recorded yet is `pending`. Long poll with `wait` and If-None-Match."""

    async def seen() -> AnyOrder:
        async with wired.database.transaction() as session:
            if wait and not await accounts.is_active(session, caller.account_id, caller.role):
                raise TokenInvalid
            order = await orders.found(session, caller, order_id)
        return orders.shown(wired, caller, order) if isinstance(order, OrderView) else order

    return await conditional.read(seen, known, wait=wait, live=wired.live, follower=(caller.account_id, order_id))


@router.post("/{order_id}/pay", operation_id="payOrder", responses=DONE)
async def pay_order(order_id: OrderId, body: PayRequest, caller: Buyer, send: Send) -> Response:
    """Choose another card after a decline, until the payment deadline."""
    choice = Choice.model_validate(body.payment)
    return await send.once(caller, order_id, "pay", body, payment=choice)


@router.post("/{order_id}/ship", operation_id="shipOrder", responses=DONE)
async def ship_order(order_id: OrderId, body: ShipRequest, caller: Staff, send: Send) -> Response:
    """Hand goods to a carrier; money that is only held is captured first."""
    return await send.once(caller, order_id, "ship", body, fulfilment_id=body.fulfilment_id)


@router.post("/{order_id}/deliver", operation_id="deliverOrder", responses=DONE)
async def deliver_order(order_id: OrderId, body: DeliverRequest, caller: SignedIn, send: Send) -> Response:
    """Say that the goods arrived: the buyer's word is final, another's starts the inspection window."""
    return await send.once(caller, order_id, "deliver", body, fulfilment_id=body.fulfilment_id)


@router.post("/cancel", operation_id="cancelOrders", responses={409: {}})
async def cancel_orders(body: CancelManyRequest, caller: Admin, send: Send) -> Cancelled:
    """Cancel up to a hundred orders; each ends for itself, and a repeat with the key gets the first outcomes."""
    one = CancelOneRequest(reason=body.reason, restock=body.restock)
    return Cancelled(data=await send.each(caller, body.ids, "cancel", one, restock=body.restock))


@router.post("/{order_id}/cancel", operation_id="cancelOrder", responses=DONE)
async def cancel_order(order_id: OrderId, body: CancelOneRequest, caller: SignedIn, send: Send) -> Response:
    """End an order that is not shipped, or a seller's part of it; its money goes back and its stock is given free."""
    return await send.once(caller, order_id, "cancel", body, restock=body.restock, fulfilment_id=body.fulfilment_id)


@router.post("/{order_id}/hold", operation_id="holdOrder", responses=DONE)
async def hold_order(order_id: OrderId, body: HoldRequest, caller: Admin, send: Send) -> Response:
    """Let the order go no further: what has begun is finished, nothing new begins until it is released."""
    return await send.once(caller, order_id, "hold", body, hold=body.reason)


@router.post("/{order_id}/release", operation_id="releaseOrder", responses=DONE)
async def release_order(order_id: OrderId, body: ReleaseRequest, caller: Admin, send: Send) -> Response:
    """Let a held order go on."""
    return await send.once(caller, order_id, "release", body)


def _placement(
    body: OrderRequest, claim: Claim, caller: Principal, correlation: str, currency: str, wired: Wiring
) -> Placement:
    """What the workflow may know: ids, quantities, and of the address only what tax and shipping depend on."""
    to = body.shipping_address
    return Placement(
        order_id=claim.resource_id,
        request_id=claim.request_id,
        buyer_id=caller.account_id,
        items=tuple(body.items),
        currency=currency,
        destination=Destination(country=to.country, region=to.region, postal_code=to.postal_code),
        shipping_method=body.shipping_method,
        expected_total=body.expected_total,
        payment=Choice.model_validate(body.payment, from_attributes=True),
        policy=wired.policy,
        correlation_id=correlation,
    )
