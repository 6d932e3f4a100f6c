"""Request claims and command outcomes: what makes a repeated call get the first answer (architecture, idempotency)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Text, bindparam, cast, func, null, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from db import batch
from db.queries import order_view
from db.session import Database
from db.tables import Account, CommandOutcome, Order, Request
from domain.accounts import AccountStatus
from domain.errors import HoldfastError, ResourceNotFound, from_code
from domain.ids import OrderId, RequestId
from domain.order_view import OrderView
from domain.orders import Command, OrderState
from domain.values import Value

# The routes of the calls that orders come from; which cart is checked out is a part of the body.
PLACE_ROUTE = "POST /v1/orders"
CHECKOUT_ROUTE = "POST /v1/carts/{cart_id}/checkout"
PLACE_ROUTES = (PLACE_ROUTE, CHECKOUT_ROUTE)
# The HTTP statuses from here on are faults of ours: no answer to keep.
_FAULT = 500
# How many owed commands, or old claims, are seen to at once.
_MOST = 1000


class Answering(Value):
    """Which command is being answered, and when."""

    request_id: RequestId
    order_id: OrderId
    name: str
    at: datetime


@asynccontextmanager
async def answering(database: Database, command: Answering) -> AsyncIterator[AsyncSession]:
    """One transaction that carries out a command and must end in `keep_answer`.

    A refusal is raised after its outcome was stored in a transaction of its own; a stored refusal is raised again
    without doing anything, so that a command repeated by Temporal ends as it ended before.
    """
    try:
        async with database.transaction() as session:
            yield session
    except HoldfastError as refusal:
        if refusal.status < _FAULT and not refusal.retryable:
            async with database.transaction() as session:
                await keep_refusal(session, command, refusal)
        raise


class Claimed(NamedTuple):
    """What there is of a placing call: what the buyer sent, and the order and the outcome if they stand already."""

    body: dict[str, Any]
    order: Order | None
    outcome: CommandOutcome | None


async def queue(session: AsyncSession, request_id: str) -> None:
    """Wait until no other run of this call's step is under way: the next statement sees what that wrote.

    Temporal repeats a local activity that ran out of time without waiting for the end of the one before.
    """
    await session.execute(select(Request.id).where(Request.id == request_id).with_for_update(key_share=True))


async def claimed(session: AsyncSession, request_id: str, order_id: str) -> Claimed:
    """Read a placing call's claim. Raises ResourceNotFound when it is gone or was blanked.

    The account is locked against its erasure, as the order that refers to it will lock it anyway: what an erasure did
    not wait for is not written after it.
    """
    row = (await session.execute(_CLAIMED, {"request": request_id, "order": order_id})).one_or_none()
    if row is None or row[0] is None:
        raise ResourceNotFound(resource="request", id=request_id)
    return Claimed(*row)


# Built once, at import: decision 6.
_CLAIMED = (
    select(Request.body, Order, CommandOutcome)
    .select_from(Request)
    .join(Account, Account.id == Request.account_id)
    .outerjoin(Order, Order.id == bindparam("order"))
    .outerjoin(CommandOutcome, CommandOutcome.request_id == Request.id)
    .where(Request.id == bindparam("request"), Account.status != AccountStatus.ERASED)
    .with_for_update(read=True, key_share=True, of=Account)
)


async def given_before(session: AsyncSession, order_id: str, account_id: str, at: datetime) -> tuple[int, int]:
    """How many commands an order was given before: by everybody, and by one account."""
    own = func.count().filter(Request.account_id == account_id)
    given = select(func.count(), own).where(
        Request.resource_id == order_id, Request.verb.is_not(None), Request.created < at
    )
    by_all, by_one = (await session.execute(given)).one()
    return by_all, by_one


async def earlier_answer(session: AsyncSession, request_id: str) -> OrderView | None:
    """How the command ended, when it did; raises the refusal that it ended in."""
    return answer_of(await session.get(CommandOutcome, request_id))


def answer_of(row: CommandOutcome | None) -> OrderView | None:
    """The answer that an outcome holds, if there is one; raises the refusal that it holds instead."""
    if row is None:
        return None
    if row.error_code is not None:
        raise from_code(row.error_code, row.error_values or {})
    return OrderView.model_validate(row.result)


async def keep_answer(session: AsyncSession, command: Answering) -> OrderState:
    """Store the order as it is now as the command's outcome, in the transaction of its fact."""
    await batch.flush(session)
    view = await order_view(session, command.order_id)
    assert view is not None, "a command is answered after its order was written"
    await _keep(session, command, result=view.model_dump(mode="json"))
    return state_of(view)


async def keep_refusal(session: AsyncSession, command: Answering, refusal: HoldfastError) -> None:
    """Store a refusal as the command's outcome together with a fact that must stay although it is refused."""
    await _keep(session, command, error_code=refusal.code, error_values=refusal.values)


def state_of(view: OrderView) -> OrderState:
    return OrderState(order_id=view.id, status=view.status, payment_status=view.payment_status)


async def claim_body(session: AsyncSession, request_id: str) -> dict[str, Any]:
    """What the caller sent. Raises ResourceNotFound when the claim is gone or was blanked."""
    body: dict[str, Any] | None = await session.scalar(select(Request.body).where(Request.id == request_id))
    if body is None:
        raise ResourceNotFound(resource="request", id=request_id)
    return body


async def evidence_of(session: AsyncSession, request_id: str) -> str | None:
    """What staff said to prove how a payment ended, while it is kept with the request."""
    said: str | None = await session.scalar(select(Request.body["evidence"].astext).where(Request.id == request_id))
    return said


async def forgotten(session: AsyncSession, since: datetime, until: datetime) -> list[str]:
    """The orders of placing calls, claimed between the two times, that came to nothing: no order, no refusal.

    One that was answered 503 is not among them: nobody counts on it.
    """
    rows = await session.scalars(
        select(Request.resource_id)
        .outerjoin(CommandOutcome, CommandOutcome.request_id == Request.id)
        .outerjoin(Order, Order.request_id == Request.id)
        .where(Request.owed, Request.status.is_(None), Request.route.in_(PLACE_ROUTES))
        .where(Request.created > since, Request.created <= until)
        .where(CommandOutcome.request_id.is_(None), Order.id.is_(None))
    )
    return list(rows)


class Owed(NamedTuple):
    """A command that somebody may count on although Temporal may have forgotten it; `done` when its fact stands."""

    order_id: str
    verb: str
    command: Command
    since: datetime
    done: bool


async def owed(session: AsyncSession, before: datetime, order_id: str | None = None) -> list[Owed]:
    """The commands, of one order or of all, that may be forgotten, oldest first: claimed before a time, or done."""
    query = (
        select(
            Request.resource_id, Request.verb, Request.command, Request.created, CommandOutcome.request_id.is_not(None)
        )
        .outerjoin(CommandOutcome, CommandOutcome.request_id == Request.id)
        .where(Request.owed, Request.command.is_not(None))
        .where(or_(Request.created < before, CommandOutcome.request_id.is_not(None)))
    )
    if order_id is not None:
        query = query.where(Request.resource_id == order_id)
    rows = await session.execute(query.order_by(Request.created).limit(_MOST))
    return [Owed(order, verb, Command.model_validate(told), since, done) for order, verb, told, since, done in rows]


async def is_owed(session: AsyncSession, request_id: str) -> bool:
    return bool(await session.scalar(select(Request.owed).where(Request.id == request_id)))


async def owe(session: AsyncSession, request_id: str, *, owed: bool) -> None:
    """Say whether somebody counts on the claim while Temporal may have forgotten what was asked."""
    await session.execute(update(Request).where(Request.id == request_id).values(owed=owed))


async def let_go(session: AsyncSession, before: datetime) -> None:
    """Forget what was sent and answered under keys that were claimed before a time: they are free again.

    As many as one call takes; a command that still has to be told stays. How commands ended stays too (`commands`).
    """
    told = or_(Request.owed.is_(False), Request.command.is_(None))
    old = select(Request.id).where(Request.created < before, Request.body.is_not(None), told)
    some = old.order_by(Request.created).limit(_MOST).with_for_update(skip_locked=True)
    await session.execute(update(Request).where(Request.id.in_(some)).values(NOTHING_KEPT))


# A claim of which nothing is known any more; its key is one that no caller has sent.
NOTHING_KEPT = {
    Request.body: null(),
    Request.response: null(),
    Request.command: null(),
    Request.fingerprint: b"",
    Request.key: cast(Request.id, Text),
    Request.owed: False,
}


async def _keep(session: AsyncSession, command: Answering, **outcome: Any) -> None:  # noqa: ANN401 - columns of the row
    await session.execute(
        _KEEP,
        {
            "request_id": command.request_id,
            "order_id": command.order_id,
            "name": command.name,
            "created": command.at,
            **outcome,
        },
    )


_KEEP = insert(CommandOutcome).on_conflict_do_nothing()
