"""Orders: place, read, pay, ship, deliver, cancel (M1 to M8)."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field, HttpUrl, StrictBool, StringConstraints, field_validator
from sqlalchemy import select
from starlette.convertors import StringConvertor, register_url_convertor

from api import conditional, orders
from api.commands import DONE, CommandResult, Send
from api.conditional import NoneMatch, Wait
from api.deps import Admin, Buyer, SignedIn, Staff, Wired
from api.lists import Page, Paging, page_of
from api.orders import AcceptedOrder
from api.placing import PLACED, CardPayment, OrderRequest, Place, Word
from api.schemas import Sent
from db import accounts
from db.commands import PLACE_ROUTE
from db.tables import Fulfilment, Order, Payment
from domain.errors import RoleNotAllowed, TokenInvalid
from domain.ids import FulfilmentId, OrderId
from domain.order_view import OrderView
from domain.orders import OrderStatus, Role
from domain.payments import Choice, PaymentStatus
from domain.repair import HoldReason
from domain.values import TEXT, Value

router = APIRouter(prefix="/v1/orders", tags=["Orders"])


class _OneOrder(StringConvertor):
    """`/v1/orders/cancel` is about many: it is no order's address."""

    regex = "(?!cancel$)[^/]+"


register_url_convertor("order", _OneOrder())

OperatorNote = Annotated[str, StringConstraints(strip_whitespace=True, max_length=2000, pattern=TEXT)]


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


@router.post("", operation_id="placeOrder", status_code=201, responses=PLACED)
async def place_order(body: OrderRequest, caller: Buyer, placing: Place) -> Response:
    """Place an order and pay it; the answer comes after the first payment attempt."""
    return await placing.once(caller, PLACE_ROUTE, body)


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
    """End an order that is not shipped, or a seller's part of it; its money goes back and its stock is given free.

    That goods are not to be sold again (`restock: false`) is the word of whoever has them: not of the buyer.
    """
    if not body.restock and caller.role is Role.BUYER:
        raise RoleNotAllowed(role=caller.role)
    return await send.once(caller, order_id, "cancel", body, restock=body.restock, fulfilment_id=body.fulfilment_id)


@router.post("/{order_id}/hold", operation_id="holdOrder", responses=DONE)
async def hold_order(order_id: OrderId, body: HoldRequest, caller: Admin, send: Send) -> Response:
    """Let the order go no further: what has begun is finished, nothing new begins until it is released."""
    return await send.once(caller, order_id, "hold", body, hold=body.reason)


@router.post("/{order_id}/release", operation_id="releaseOrder", responses=DONE)
async def release_order(order_id: OrderId, body: ReleaseRequest, caller: Admin, send: Send) -> Response:
    """Let a held order go on."""
    return await send.once(caller, order_id, "release", body)
