"""What people change of an order that stands: notes, and where it goes while nothing of it is shipped.

None of it is the workflow's: names, addresses and notes never pass through Temporal.
"""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import bindparam, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from db import event_log, orders, standing
from db.tables import Account, EventRow, Fulfilment, Order, OrderContact
from domain.accounts import AccountStatus
from domain.addresses import Address
from domain.errors import (
    AddressFixed,
    CommandsExhausted,
    FulfilmentRequired,
    OrderBusy,
    OrderClosed,
    OrderHeld,
    ResourceNotFound,
)
from domain.events import Event, EventType
from domain.orders import OrderStatus, Role

_CHANGES = (EventType.ORDER_NOTES_CHANGED, EventType.ORDER_ADDRESS_CHANGED, EventType.FULFILMENT_NOTED)
# Each is an event that is kept for good, and a line of the timeline.
_EACH_AT_MOST = 100


class By(NamedTuple):
    """Who changes it, when, and in which call."""

    account_id: str
    role: Role
    at: datetime
    correlation_id: str


async def lock(session: AsyncSession, order_id: str, by: By) -> tuple[Order, OrderContact]:
    """The order under lock, and what is written on it; the buyer's account is locked against its erasure.

    Raises TokenInvalid for who may no more, OrderBusy for an order that is not recorded yet, OrderClosed when its buyer
    was erased, and CommandsExhausted when somebody else than staff changed it too often.
    """
    await standing.check(session, by.account_id, by.role)
    if await session.get(Order, order_id) is None:
        raise OrderBusy(step="placement")
    contact = await session.scalar(_CONTACT, {"order": order_id})
    order = await session.get_one(Order, order_id, with_for_update=True, populate_existing=True)
    if contact is None:
        raise OrderClosed(status=order.status)
    await session.refresh(contact)
    if by.role is not Role.ADMIN and await _changes(session, order_id, by.account_id) >= _EACH_AT_MOST:
        raise CommandsExhausted
    return order, contact


async def _changes(session: AsyncSession, order_id: str, account_id: str) -> int:
    own = EventRow.data["actor_id"].astext == account_id
    made = select(func.count()).where(EventRow.subject == order_id, EventRow.type.in_(_CHANGES), own)
    return await session.scalar(made) or 0


# Built once, at import: decision 6.
_CONTACT = (
    select(OrderContact)
    .join(Account, Account.id == OrderContact.account_id)
    .where(OrderContact.order_id == bindparam("order"), Account.status != AccountStatus.ERASED)
    .with_for_update(read=True, key_share=True, of=Account)
)


async def part_of(session: AsyncSession, order_id: str, named: str | None, seller_id: str | None) -> str:
    """The part that is named, or the only one; of a seller's parts, when a seller asks.

    Raises ResourceNotFound, or FulfilmentRequired when there are several.
    """
    query = select(Fulfilment.id).where(Fulfilment.order_id == order_id)
    if seller_id is not None:
        query = query.where(Fulfilment.seller_id == seller_id)
    if named is not None:
        query = query.where(Fulfilment.id == named)
    found = list(await session.scalars(query))
    if named is not None and not found:
        raise ResourceNotFound(resource="fulfilment", id=named)
    if len(found) > 1:
        raise FulfilmentRequired(status="of your own")
    return found[0]


def note(session: AsyncSession, order: Order, contact: OrderContact, notes: str | None, by: By) -> None:
    """Replace what the buyer wrote for the sellers."""
    if contact.notes != notes:
        contact.notes = notes
        _log(session, order, EventType.ORDER_NOTES_CHANGED, by)


def note_part(session: AsyncSession, order: Order, contact: OrderContact, part: str, notes: str | None, by: By) -> None:
    """Replace what a seller noted on a part; the buyer never sees it."""
    others = {each: text for each, text in contact.seller_notes.items() if each != part}
    changed = others | {part: notes} if notes else others
    if contact.seller_notes != changed:
        contact.seller_notes = changed
        _log(session, order, EventType.FULFILMENT_NOTED, by, part)


async def readdress(session: AsyncSession, order: Order, contact: OrderContact, to: Address, by: By) -> None:
    """Send the goods to another address in the same place: tax and shipping were computed for that.

    Raises AddressFixed, or OrderHeld for the buyer of an order that staff look at.
    """
    before = None if contact.shipping_address is None else Address.model_validate(contact.shipping_address)
    if to == before:
        return
    if order.status not in {OrderStatus.PENDING, OrderStatus.CONFIRMED}:
        raise AddressFixed(reason=f"the order is {order.status}")
    if await orders.on_its_way(session, order.id):
        raise AddressFixed(reason="goods of the order are on their way")
    if order.held and by.role is Role.BUYER:
        raise OrderHeld
    if before is None or to.place != before.place:
        raise AddressFixed(reason="tax and shipping were computed for its country, region and postal code")
    contact.shipping_address = to.model_dump(mode="json")
    _log(session, order, EventType.ORDER_ADDRESS_CHANGED, by)


def _log(session: AsyncSession, order: Order, event: EventType, by: By, part: str | None = None) -> None:
    # The order looks the same to its buyer when a seller notes something.
    if event is not EventType.FULFILMENT_NOTED:
        order.updated = max(order.updated, by.at)
    event_log.append(
        session,
        Event(
            type=event,
            time=by.at,
            subject=order.id,
            data={"actor_id": by.account_id, "role": by.role} | ({"fulfilments": [part]} if part else {}),
            correlation_id=by.correlation_id,
        ),
    )
