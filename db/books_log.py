"""The event log against the rows: what an order lived through, and what became of its money."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from sqlalchemy import BigInteger, cast, func, select
from sqlalchemy.dialects.postgresql import aggregate_order_by, distinct_on
from sqlalchemy.ext.asyncio import AsyncSession

from db.tables import EventRow, Order, Refund
from domain.books import NOT_MOVES, Finding, Invariant, PaymentRecord, history_findings
from domain.events import EventType


async def log_findings(session: AsyncSession, records: Sequence[PaymentRecord]) -> list[Finding]:
    return [
        *await _histories(session),
        *_captures(records, await _captured(session)),
        *await _refunds(session),
    ]


async def _histories(session: AsyncSession) -> list[Finding]:
    events: dict[str, tuple[Sequence[str], Sequence[datetime]]] = {
        subject: (types, times)
        for subject, types, times in await session.execute(
            select(
                EventRow.subject,
                func.array_agg(aggregate_order_by(EventRow.type, EventRow.sequence)),
                func.array_agg(aggregate_order_by(EventRow.time, EventRow.sequence)),
            )
            .where(EventRow.type.startswith("order."), EventRow.type.not_in(NOT_MOVES))
            .group_by(EventRow.subject)
        )
    }
    found: list[Finding] = []
    for order_id, status in await session.execute(select(Order.id, Order.status)):
        types, times = events.pop(order_id, ([], []))
        found += history_findings(order_id, status, types, times)
    return found + [
        Finding(
            invariant=Invariant.PLACED_LOGGED, subject=subject, sentence="Events tell of it; there is no such order."
        )
        for subject in events
    ]


async def _captured(session: AsyncSession) -> dict[str, int]:
    """What the log says was captured, by order."""
    amount = cast(EventRow.data["amount"].astext, BigInteger)
    told = select(EventRow.subject, func.sum(amount)).where(EventRow.type == EventType.PAYMENT_CAPTURED)
    return {order_id: int(total) for order_id, total in await session.execute(told.group_by(EventRow.subject))}


def _captures(records: Sequence[PaymentRecord], logged: Mapping[str, int]) -> Iterator[Finding]:
    for record in records:
        captured, told = record.done("captured"), logged.get(record.order_id, 0)
        if captured != told:
            sentence = f"{captured} were captured for it, and its events tell of {told}."
            yield Finding(invariant=Invariant.CAPTURES_LOGGED, subject=record.order_id, sentence=sentence)


async def _refunds(session: AsyncSession) -> list[Finding]:
    """A refund is what the last event about it says, and of that amount."""
    about = func.coalesce(EventRow.data["refund_id"].astext, EventRow.subject)
    amount = cast(EventRow.data["amount"].astext, BigInteger)
    told = select(about, EventRow.type, amount).where(EventRow.type.startswith("refund."))
    last = {
        refund_id: (event, of)
        for refund_id, event, of in await session.execute(
            told.ext(distinct_on(about)).order_by(about, EventRow.sequence.desc())
        )
    }
    found: list[Finding] = []
    for refund_id, status, of in await session.execute(select(Refund.id, Refund.status, Refund.amount)):
        says = last.pop(refund_id, None)
        if says != (f"refund.{status}", of):
            heard = "missing" if says is None else f"{says[0]} of {says[1]}"
            found.append(_of_refund(refund_id, f"It is {status}, of {of}, and its last event is {heard}."))
    return found + [_of_refund(each, "Events tell of it; there is no such refund.") for each in last]


def _of_refund(refund_id: str, sentence: str) -> Finding:
    return Finding(invariant=Invariant.REFUNDS_LOGGED, subject=refund_id, sentence=sentence)
