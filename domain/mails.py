"""Mails to buyers and sellers: what is told whom at which event, and what becomes of one that can't be sent."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Literal, NamedTuple, Protocol, assert_never

from pydantic import Field

from domain.events import EventType
from domain.fulfilment import FulfilmentStatus
from domain.order_view import OrderView
from domain.orders import OrderStatus
from domain.values import Value

# A mail that could not be sent for so long is of no use any more; nor is one about what happened before.
STALE = timedelta(days=3)
# Who has claimed a mail has this long to send it and to say so; then it is anybody's again.
LEASE = timedelta(minutes=1)
# So many mails an hour are made for one account about what it buys: nobody has shown that the address is the account's,
# and orders that are placed and cancelled again and again would pester whoever it belongs to.
HOURLY = 100
HOUR = timedelta(hours=1)
_FIRST_PAUSE, _LONGEST_PAUSE = timedelta(seconds=30), timedelta(hours=6)


class MailKind(StrEnum):
    ORDER_CONFIRMED = "order_confirmed"
    ORDER_DELIVERED = "order_delivered"
    ORDER_CANCELLED = "order_cancelled"
    ORDER_FAILED = "order_failed"
    PAYMENT_RECEIVED = "payment_received"
    PAYMENT_DECLINED = "payment_declined"
    SHIPMENT_SENT = "shipment_sent"
    PART_CANCELLED = "part_cancelled"
    REFUND_PAID = "refund_paid"
    SALE_CONFIRMED = "sale_confirmed"
    SALE_CANCELLED = "sale_cancelled"


# Those that are for sellers show them what is theirs, and nothing else. Staff approve sellers, who are told of paid
# orders only, so that there is no limit: who is not told ships what is not to be shipped.
FOR_SELLERS = frozenset({MailKind.SALE_CONFIRMED, MailKind.SALE_CANCELLED})


class MailState(StrEnum):
    """`sending` is claimed by somebody; `dropped` had nobody or nothing left to be told; `failed` was given up."""

    WAITING = "waiting"
    SENDING = "sending"
    SENT = "sent"
    DROPPED = "dropped"
    FAILED = "failed"


UNSENT = (MailState.WAITING, MailState.SENDING)


class Told(NamedTuple):
    """What an event tells the order's buyer, and each of its sellers."""

    buyer: MailKind | None = None
    sellers: MailKind | None = None


_CANCELLED = MailKind.SALE_CANCELLED
TOLD: Mapping[str, Told] = {
    EventType.ORDER_CONFIRMED: Told(MailKind.ORDER_CONFIRMED, MailKind.SALE_CONFIRMED),
    EventType.ORDER_DELIVERED: Told(MailKind.ORDER_DELIVERED),
    EventType.ORDER_CANCELLED: Told(MailKind.ORDER_CANCELLED, _CANCELLED),
    EventType.ORDER_FAILED: Told(MailKind.ORDER_FAILED, _CANCELLED),
    EventType.PAYMENT_CAPTURED: Told(MailKind.PAYMENT_RECEIVED),
    EventType.PAYMENT_DECLINED: Told(MailKind.PAYMENT_DECLINED),
    EventType.FULFILMENT_SHIPPED: Told(MailKind.SHIPMENT_SENT),
    EventType.FULFILMENT_CANCELLED: Told(MailKind.PART_CANCELLED, _CANCELLED),
    EventType.REFUND_COMPLETED: Told(MailKind.REFUND_PAID),
}


def told(event_type: str, *, confirmed: bool) -> Told:
    """Whom an event is told: sellers never heard of an order that was not `confirmed`, and need not hear of its end."""
    found = TOLD.get(event_type, Told())
    return found._replace(sellers=None) if found.sellers is _CANCELLED and not confirmed else found


def overtaken(kind: MailKind, order: OrderView, reader: str) -> bool:
    """Whether what the mail asks its `reader`, an account, for is done or too late by now."""
    match kind:
        case MailKind.PAYMENT_DECLINED:
            return order.status is not OrderStatus.PENDING
        case MailKind.SALE_CONFIRMED:
            own = [part.status for part in order.fulfilments if part.seller_id == reader]
            ended = order.status in {OrderStatus.CANCELLED, OrderStatus.FAILED}
            return ended or all(status is FulfilmentStatus.CANCELLED for status in own)
        case _:
            return False


class Letter(Value):
    """A mail as it goes out. `message_id` is the same at every try, so that mail programs show a repeat once."""

    message_id: str
    to: str
    subject: str
    text: str
    html: str
    date: datetime


class Delivered(Value):
    """The server has taken it over."""

    kind: Literal["delivered"] = "delivered"


class Deferred(Value):
    """Not now: another try may succeed."""

    kind: Literal["deferred"] = "deferred"
    reason: str


class Rejected(Value):
    """Never: this recipient, or this letter, is refused for good."""

    kind: Literal["rejected"] = "rejected"
    reason: str


class Away(Value):
    """The server itself can't be reached, or hung up: perhaps no fault of the letter's."""

    kind: Literal["away"] = "away"
    reason: str


Outcome = Annotated[Delivered | Deferred | Rejected | Away, Field(discriminator="kind")]


class Post(Protocol):
    """Where letters are handed over."""

    async def deliver(self, letter: Letter) -> Outcome:
        """Hand one over. A server that took it and could not say so is `Away`: the letter may come twice then.

        Reasons are codes and names of errors: servers repeat the address in their words.
        """
        ...


class Verdict(NamedTuple):
    """What a mail is after a try, and when it is tried again."""

    state: MailState
    due: datetime


def judged(outcome: Outcome, attempts: int, created: datetime, at: datetime) -> Verdict:
    """What a try means for its mail: `attempts` counts it too. What may pass is waited for while mails are of use."""
    again = Verdict(MailState.WAITING, at + pause(attempts))
    failed = Verdict(MailState.FAILED, at)
    match outcome:
        case Delivered():
            return Verdict(MailState.SENT, at)
        case Rejected():
            return failed
        case Deferred() | Away():
            return failed if at - created > STALE else again
        case _:
            assert_never(outcome)


def pause(attempts: int) -> timedelta:
    """How long to wait after so many tries: twice as long after each."""
    # Beyond that many doublings it is the longest anyway.
    doublings: int = 2 ** min(attempts - 1, 20)
    return min(_FIRST_PAUSE * doublings, _LONGEST_PAUSE)
