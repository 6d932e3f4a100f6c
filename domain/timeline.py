"""An order's life in words: what its buyer, its sellers and staff are told of each event."""

from collections import defaultdict
from datetime import datetime
from typing import Literal, NamedTuple

from pydantic import JsonValue

from domain.events import EventType
from domain.ids import EventId
from domain.money import in_words
from domain.orders import Role
from domain.values import Value


class LoggedEvent(Value):
    """An event of an order as the log has it."""

    id: EventId
    type: str
    time: datetime
    data: dict[str, JsonValue]


class TimelineEntry(Value):
    """`sentence` is for people. `data` has the event's ids, amounts and codes, for staff only."""

    id: EventId
    object: Literal["event"] = "event"
    created: datetime
    type: EventType
    sentence: str
    data: dict[str, JsonValue]


class Told(NamedTuple):
    """What the buyer is told, and what staff are told where it differs; `sellers` hear what the buyer does.

    Braces are filled from the event's data; `{money}` is its amount.
    """

    buyer: str
    staff: str = ""
    sellers: bool = False


T = EventType
TOLD: dict[str, Told] = {
    T.ORDER_PLACED: Told("The order was placed.", "The order was placed: {money}.", sellers=True),
    T.ORDER_CONFIRMED: Told("The order is confirmed.", sellers=True),
    T.ORDER_SHIPPED: Told("Everything is on its way.", sellers=True),
    T.ORDER_DELIVERED: Told("Everything has arrived.", sellers=True),
    T.ORDER_COMPLETED: Told("The order is completed.", sellers=True),
    T.ORDER_CANCELLED: Told("The order was cancelled.", sellers=True),
    T.ORDER_FAILED: Told("The order could not be carried out.", sellers=True),
    T.ORDER_HELD: Told("The shop is looking at the order.", "Held by staff: {reason}."),
    T.ORDER_RELEASED: Told("The order goes on.", "Released by staff."),
    T.ORDER_NOTES_CHANGED: Told("The notes were changed.", sellers=True),
    T.ORDER_ADDRESS_CHANGED: Told("The delivery address was changed.", sellers=True),
    T.FULFILMENT_SHIPPED: Told("Goods were handed to the carrier.", sellers=True),
    T.FULFILMENT_DELIVERED: Told("Goods have arrived.", sellers=True),
    T.FULFILMENT_ACCEPTED: Told("The buyer has received the goods.", sellers=True),
    T.FULFILMENT_CANCELLED: Told("A part of the order was called off: {money}.", sellers=True),
    T.FULFILMENT_NOTED: Told("", "A note was made on a part of the order."),
    T.PAYMENT_AUTHORIZED: Told("{money} are held until the goods ship."),
    T.PAYMENT_CAPTURED: Told("{money} were paid."),
    T.PAYMENT_REQUIRES_ACTION: Told("The payment waits for the buyer."),
    T.PAYMENT_PROCESSING: Told("The payment is being processed."),
    T.PAYMENT_DECLINED: Told("The payment was declined.", "The payment was declined: {code}."),
    T.PAYMENT_VOIDED: Told("The payment was called off."),
    T.PAYMENT_UNKNOWN: Told(
        "The payment is being looked into.", "Nobody knows yet whether the provider took the money: {code}."
    ),
    T.PAYMENT_RESOLVED: Told("", "Staff found out how the payment ended: {outcome}."),
    T.REFUND_APPROVED: Told("{money} are to be refunded."),
    T.REFUND_PROCESSING: Told("A refund of {money} is under way."),
    T.REFUND_COMPLETED: Told("{money} were refunded."),
    T.REFUND_FAILED: Told("A refund of {money} could not be paid yet.", "A refund of {money} failed: {code}."),
    T.REFUND_REVERSED: Told("A refund of {money} was called off.", "A refund of {money} was reversed: {code}."),
}


def entry_of(event: LoggedEvent, role: Role, own_parts: frozenset[str]) -> TimelineEntry | None:
    """What somebody in this role is told of an event, or None; a seller hears of own parts only (`own_parts`)."""
    told = TOLD.get(event.type)
    if told is None:
        # Of a newer release.
        return None
    match role:
        case Role.ADMIN:
            sentence = told.staff or told.buyer
        case Role.BUYER:
            sentence = told.buyer
        case Role.SELLER:
            sentence = told.buyer if told.sellers and _about(event, own_parts) else ""
    if not sentence:
        return None
    return TimelineEntry(
        id=event.id,
        created=event.time,
        type=EventType(event.type),
        sentence=sentence.format_map(_words(event.data)),
        data=event.data if role is Role.ADMIN else {},
    )


def _about(event: LoggedEvent, own_parts: frozenset[str]) -> bool:
    parts = event.data.get("fulfilments")
    return not isinstance(parts, list) or not own_parts.isdisjoint(map(str, parts))


def _words(data: dict[str, JsonValue]) -> defaultdict[str, str]:
    amount, currency = data.get("amount", data.get("total")), data.get("currency")
    words = defaultdict(lambda: "unknown", {name: str(value) for name, value in data.items() if value is not None})
    if isinstance(amount, int) and isinstance(currency, str):
        words["money"] = in_words(amount, currency)
    return words
