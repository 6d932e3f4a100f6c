"""Live status of an order: short form, timeline in words, and server-sent events (M9)."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Literal, NamedTuple

from fastapi import APIRouter, Depends, Header
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import AwareDatetime

from api import orders
from api.deps import Principal, SignedIn, Wired, now
from api.live import Changes
from db import accounts, event_tail
from db.event_tail import Position
from domain.errors import CursorInvalid
from domain.fulfilment import FulfilmentStatus
from domain.ids import EventId, FulfilmentId, OrderId
from domain.order_view import NextAction, OrderView
from domain.orders import OrderStatus, SettlementStatus
from domain.payments import PaymentStatus
from domain.timeline import LoggedEvent, TimelineEntry, entry_of
from domain.values import Value

router = APIRouter(prefix="/v1/orders", tags=["Orders"])

# An order's life has some dozens of events.
_MOST = 1000
_AT_ONCE = 100
# After so long a stream ends and its client comes back with Last-Event-ID: rights are looked at again.
_STREAM_SECONDS = 300.0


class PartStatus(Value):
    id: FulfilmentId
    status: FulfilmentStatus


class OrderStatusView(Value):
    """An order's short form: where it stands, and what its buyer has to do."""

    id: OrderId
    object: Literal["order_status"] = "order_status"
    created: AwareDatetime
    status: OrderStatus
    payment_status: PaymentStatus
    settlement_status: SettlementStatus = SettlementStatus.NONE
    fulfilments: tuple[PartStatus, ...] = ()
    next_action: NextAction | None = None


class Timeline(Value):
    object: Literal["list"] = "list"
    data: tuple[TimelineEntry, ...]
    has_more: Literal[False] = False


class Reader(NamedTuple):
    """Who reads of which order; a seller's own parts of it."""

    order_id: str
    caller: Principal
    own_parts: frozenset[str]

    def told(self, event: LoggedEvent) -> TimelineEntry | None:
        return entry_of(event, self.caller.role, self.own_parts)


async def _reader(order_id: OrderId, caller: SignedIn, wired: Wired) -> Reader:
    """Raises ResourceNotFound, also for another's order."""
    async with wired.database.transaction() as session:
        return Reader(order_id, caller, await orders.visible(session, caller, order_id))


Reading = Annotated[Reader, Depends(_reader)]
LastEvent = Annotated[
    EventId | None,
    Header(alias="Last-Event-ID", description="The id of the last event that was seen: what came later follows."),
]


async def _read_until(reading: Reading, wired: Wired, last_event_id: LastEvent = None) -> Position | None:
    """Raises CursorInvalid for an event that is not one of this order."""
    if last_event_id is None:
        return None
    async with wired.database.transaction() as session:
        position = await event_tail.position_of(session, reading.order_id, last_event_id)
    if position is None:
        raise CursorInvalid
    return position


async def _changes(reading: Reading, wired: Wired) -> AsyncIterator[Changes]:
    """Raises StreamsExhausted."""
    async with wired.live.following(reading.caller.account_id, reading.order_id) as changes:
        yield changes


def _seconds_for(caller: Principal) -> float:
    left = _STREAM_SECONDS if caller.until is None else (caller.until - now()).total_seconds()
    return min(left, _STREAM_SECONDS)


@router.get("/{order_id:order}/status", operation_id="getOrderStatus")
async def get_status(order_id: OrderId, caller: SignedIn, wired: Wired) -> OrderStatusView:
    """Where the order stands."""
    async with wired.database.transaction() as session:
        order = await orders.found(session, caller, order_id)
    shown = orders.shown(wired, caller, order) if isinstance(order, OrderView) else order
    return OrderStatusView.model_validate(shown.model_dump(exclude={"object"}))


@router.get("/{order_id:order}/timeline", operation_id="getTimeline")  # noqa: FAST003 - the reader takes it
async def get_timeline(reading: Reading, wired: Wired) -> Timeline:
    """What has happened to the order, oldest first, in words that the caller may read."""
    async with wired.database.transaction() as session:
        logged = await event_tail.all_of_subject(session, reading.order_id, _MOST)
    return Timeline(data=tuple(entry for event in logged if (entry := reading.told(event)) is not None))


@router.get(
    "/{order_id:order}/events",  # noqa: FAST003 - the reader takes it
    operation_id="followOrder",
    response_class=EventSourceResponse,
    responses={400: {}, 429: {}},
)
async def follow_order(
    reading: Reading,
    read_until: Annotated[Position | None, Depends(_read_until)],
    changes: Annotated[Changes, Depends(_changes)],
    wired: Wired,
) -> AsyncIterator[ServerSentEvent]:
    """Server-sent events: the timeline so far, or since `Last-Event-ID`, and then every entry as it comes.

    `id` is the event's, `data` a timeline entry. The stream ends after five minutes, or with the access token or the
    account; EventSource comes back by itself, and misses nothing.
    """
    caller = reading.caller
    clock = asyncio.get_running_loop().time
    until = clock() + _seconds_for(caller)
    while (left := until - clock()) > 0:
        async with wired.database.transaction() as session:
            if not await accounts.is_active(session, caller.account_id, caller.role):
                return
            logged = await event_tail.of_subject(session, reading.order_id, read_until, _AT_ONCE)
        for each in logged:
            read_until, entry = each.position, reading.told(each.event)
            if entry is not None:
                yield ServerSentEvent(data=entry, id=entry.id)
        if not logged:
            await changes.wait(left)
