"""Orders: place, read, pay, ship, deliver, cancel (M1 to M8)."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import Field, HttpUrl, StrictBool, StringConstraints, field_validator
from sqlalchemy import select
from starlette.convertors import StringConvertor, register_url_convertor

from api import conditional, orders
from api.commands import DONE, CommandResult, Send
from api.conditional import NoneMatch, Wait
from api.deps import Admin, Buyer, CorrelationId, Principal, SignedIn, Staff, Wired, now
from api.lists import Page, Paging, page_of
from api.order_lists import OrderFilter
from api.orders import AcceptedOrder
from api.placing import PLACED, CardPayment, Notes, OrderRequest, Place, Word
from api.schemas import Sent, absent
from db import accounts, contacts
from db.commands import PLACE_ROUTE
from db.contacts import By
from db.tables import Order
from domain.addresses import Address
from domain.errors import RoleNotAllowed, TokenInvalid
from domain.ids import FulfilmentId, OrderId
from domain.order_view import OrderView
from domain.orders import Role
from domain.payments import Choice
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


class OrderChange(Sent):
    """What is left out stays. Buyers change `notes` and the address, sellers `seller_notes`, staff all of them.

    `fulfilment_id` names the part that `seller_notes` are about; a seller's own is meant without it. Another address
    has to be in the same place (country, region, postal code), for which tax and shipping were computed.
    """

    notes: Notes | None = None
    seller_notes: Notes | None = None
    fulfilment_id: FulfilmentId | None = None
    shipping_address: Address = Field(default_factory=absent)


AnyOrder = OrderView | AcceptedOrder


@router.post("", operation_id="placeOrder", status_code=201, responses=PLACED)
async def place_order(body: OrderRequest, caller: Buyer, placing: Place) -> Response:
    """Place an order and pay it; the answer comes after the first payment attempt."""
    return await placing.once(caller, PLACE_ROUTE, body)


@router.get("", operation_id="listOrders", responses={403: {}})
async def list_orders(
    caller: SignedIn, wired: Wired, paging: Paging, wanted: Annotated[OrderFilter, Query()]
) -> Page[OrderView]:
    """The caller's orders, newest first: a buyer's own, those with a seller's goods, or all.

    `q` is a number or an id of the order, of its payment or a refund, or a parcel's tracking number.
    """
    query = wanted.applied(select(Order.id), caller)
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


@router.patch("/{order_id:order}", operation_id="changeOrder", responses={409: {}})
async def change_order(
    order_id: OrderId, body: OrderChange, caller: SignedIn, wired: Wired, correlation: CorrelationId
) -> OrderView:
    """Change notes, at any time, or the address while nothing is shipped (M5, M9)."""
    _check_whose(body, caller)
    by = By(caller.account_id, caller.role, now(), correlation)
    sent = body.model_fields_set
    async with wired.database.transaction() as session:
        await orders.visible(session, caller, order_id)
        order, contact = await contacts.lock(session, order_id, by)
        if "shipping_address" in sent:
            await contacts.readdress(session, order, contact, body.shipping_address, by)
        if "notes" in sent:
            contacts.note(session, order, contact, body.notes, by)
        if "seller_notes" in sent:
            seller_id = caller.account_id if caller.role is Role.SELLER else None
            part = await contacts.part_of(session, order_id, body.fulfilment_id, seller_id)
            contacts.note_part(session, order, contact, part, body.seller_notes, by)
        await session.flush()
        view = await orders.found(session, caller, order_id)
    assert isinstance(view, OrderView), "it was locked"
    return orders.shown(wired, caller, view)


def _check_whose(body: OrderChange, caller: Principal) -> None:
    """Raises RoleNotAllowed."""
    others = {Role.BUYER: {"seller_notes", "fulfilment_id"}, Role.SELLER: {"notes", "shipping_address"}}
    if body.model_fields_set & others.get(caller.role, set()):
        raise RoleNotAllowed(role=caller.role)


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
