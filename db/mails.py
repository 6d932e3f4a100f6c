"""The one writer of mails: made once for each event and recipient, claimed by one sender at a time."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from db import cursors, incidents
from db.ids import new_id
from db.tables import Account, EventRow, Fulfilment, Mail, Order
from domain.accounts import AccountStatus
from domain.events import EventType
from domain.incidents import IncidentKind
from domain.mails import FOR_SELLERS, HOUR, HOURLY, LEASE, STALE, TOLD, UNSENT, MailKind, MailState, Verdict, told
from domain.orders import Role

CONSUMER = "mails"
# How many rows are written in one statement.
_AT_ONCE = 1000
# Names that are nobody's (RFC 2606).
_NOBODYS = ".invalid"


# Event, account, and what it is told.
_Telling = tuple[EventRow, str, MailKind]


class Read(NamedTuple):
    """How many events were read, how many mails made of them, and how many withheld."""

    events: int
    made: int
    withheld: int


class Recipient(NamedTuple):
    """Looked up when a mail is sent, and kept nowhere else."""

    name: str
    address: str


async def begin(session: AsyncSession) -> None:
    """Tell from now on; whoever told before goes on where it stopped."""
    await cursors.begin(session, CONSUMER)


async def collect(session: AsyncSession, limit: int, at: datetime) -> Read:
    """Write down what the next events tell, and whom."""
    events = await cursors.unread(session, CONSUMER, limit)
    fresh = [event for event in events if event.type in TOLD and event.time > at - STALE]
    wanted = await _recipients(session, fresh)
    allowed = await _within_limits(session, wanted, at)
    rows = [
        {
            "id": new_id("mai"),
            "event_id": event.id,
            "order_id": event.subject,
            "account_id": account,
            "kind": kind,
            "state": MailState.WAITING,
            "attempts": 0,
            "due": at,
            "created": at,
        }
        for event, account, kind in allowed
    ]
    for start in range(0, len(rows), _AT_ONCE):
        await session.execute(insert(Mail).values(rows[start : start + _AT_ONCE]).on_conflict_do_nothing())
    return Read(len(events), len(rows), len(wanted) - len(rows))


async def _within_limits(session: AsyncSession, wanted: Sequence[_Telling], at: datetime) -> list[_Telling]:
    """Without those that are too many for their account. Collectors wait for each other, so that none overlooks any."""
    buyers = {account for _, account, kind in wanted if kind not in FOR_SELLERS}
    recent = await session.execute(
        select(Mail.account_id, func.count())
        .where(Mail.account_id.in_(buyers), Mail.created > at - HOUR, Mail.kind.not_in(FOR_SELLERS))
        .group_by(Mail.account_id)
    )
    made: Counter[str] = Counter(dict(recent.all()))
    allowed: list[_Telling] = []
    for telling in wanted:
        _, account, kind = telling
        if kind not in FOR_SELLERS:
            if made[account] >= HOURLY:
                continue
            made[account] += 1
        allowed.append(telling)
    return allowed


async def _recipients(session: AsyncSession, events: Sequence[EventRow]) -> list[_Telling]:
    orders = {event.subject for event in events}
    buyers = dict((await session.execute(select(Order.id, Order.buyer_id).where(Order.id.in_(orders)))).all())
    sold = select(Fulfilment.order_id, Fulfilment.seller_id, Fulfilment.id).where(Fulfilment.order_id.in_(orders))
    sellers = (await session.execute(sold.order_by(Fulfilment.id))).all()
    confirmed = set(
        await session.scalars(
            select(EventRow.subject).where(EventRow.subject.in_(orders), EventRow.type == EventType.ORDER_CONFIRMED)
        )
    )
    off = await _called_off(session, orders)
    found: list[_Telling] = []
    for event in events:
        whom = told(event.type, confirmed=event.subject in confirmed)
        if whom.buyer is not None and event.subject in buyers:
            found.append((event, buyers[event.subject], whom.buyer))
        if whom.sellers is not None:
            parts = event.data.get("fulfilments")
            found += [
                (event, seller, whom.sellers)
                for order, seller, part in sellers
                # An event of the whole order is no news to whose part was called off before.
                if order == event.subject and (part not in off if parts is None else part in parts)
            ]
    return found


async def _called_off(session: AsyncSession, orders: set[str]) -> set[str]:
    """The parts of the orders that were called off one by one, of which their sellers were told then."""
    logged = await session.scalars(
        select(EventRow.data).where(EventRow.subject.in_(orders), EventRow.type == EventType.FULFILMENT_CANCELLED)
    )
    return {part for data in logged for part in data["fulfilments"]}


async def claim(session: AsyncSession, at: datetime) -> Mail | None:
    """A mail that is due, for its claimant alone until the lease is over; one whose claimant died is due then."""
    due = (
        select(Mail.id)
        .where(Mail.state.in_(UNSENT), Mail.due <= at)
        .order_by(Mail.due, Mail.id)
        .limit(1)
        .with_for_update(skip_locked=True)
        .correlate(None)
        .scalar_subquery()
    )
    claimed = await session.scalars(
        update(Mail)
        .where(Mail.id == due)
        .values(state=MailState.SENDING, attempts=Mail.attempts + 1, due=at + LEASE)
        .returning(Mail)
        .execution_options(synchronize_session=False)
    )
    return claimed.one_or_none()


async def due(session: AsyncSession, at: datetime) -> bool:
    found = await session.scalar(select(Mail.id).where(Mail.state.in_(UNSENT), Mail.due <= at).limit(1))
    return found is not None


async def event_of(session: AsyncSession, mail: Mail) -> EventRow:
    return (await session.scalars(select(EventRow).where(EventRow.id == mail.event_id))).one()


async def recipient(session: AsyncSession, account_id: str, kind: MailKind) -> Recipient | None:
    """None for an account that was erased; sales are told to nobody who was blocked or sells no more."""
    account = await session.get(Account, account_id)
    if account is None or account.email is None or account.name is None or account.email.endswith(_NOBODYS):
        return None
    sells = account.status is AccountStatus.ACTIVE and account.role is not Role.BUYER
    if kind is MailKind.SALE_CONFIRMED and not sells:
        return None
    return Recipient(account.name, account.email)


async def settle(session: AsyncSession, mail: Mail, verdict: Verdict, reason: str | None, at: datetime) -> bool:
    """Write down what became of a claim; False when the mail was claimed again since. A failed one is reported."""
    over = verdict.state not in UNSENT
    changed = await session.execute(
        update(Mail)
        .where(Mail.id == mail.id, Mail.attempts == mail.attempts, Mail.state == MailState.SENDING)
        .values(state=verdict.state, due=verdict.due, reason=reason, settled=at if over else None)
        .returning(Mail.id)
        .execution_options(synchronize_session=False)
    )
    ours = changed.first() is not None
    if ours and verdict.state is MailState.FAILED:
        details = f"{mail.kind} of {mail.order_id} to {mail.account_id}: {reason}"
        await incidents.report(session, IncidentKind.MAIL_FAILED, mail.id, at, details)
    return ours


async def unsent(session: AsyncSession) -> int:
    return await session.scalar(select(func.count()).where(Mail.state.in_(UNSENT))) or 0
