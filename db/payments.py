"""The one writer of payments: operations are written before the provider is asked and closed by its outcome."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ColumnElement, and_, bindparam, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from db.tables import Payment, PaymentAttempt, PaymentOperation, Refund
from domain.errors import OperationConflict, ResourceNotFound
from domain.gateway import AuthorizeRequest, MoveRequest
from domain.payments import (
    ATTEMPT_KINDS,
    OPEN_STATES,
    OPERATION_MOVES,
    AttemptStatus,
    Choice,
    Operation,
    OperationKind,
    OperationState,
    PaymentStatus,
    Sums,
    attempt_kind,
    check_refundable,
    derive_status,
    operation_key,
    sums,
)
from domain.refunds import RefundReason


async def lock(session: AsyncSession, payment_id: str) -> Payment:
    """The payment under lock: the authority over its money while the transaction lasts."""
    payment = await session.get(Payment, payment_id, with_for_update=True, populate_existing=True)
    if payment is None:
        raise ResourceNotFound(resource="payment", id=payment_id)
    return payment


async def lock_of_order(session: AsyncSession, order_id: str) -> Payment:
    """The one payment of an order, under lock."""
    payment = await session.scalar(select(Payment).where(Payment.order_id == order_id).with_for_update())
    if payment is None:
        raise ResourceNotFound(resource="payment", id=order_id)
    return payment


def open_attempt(session: AsyncSession, payment: Payment, number: int, choice: Choice, at: datetime) -> PaymentAttempt:
    """Write a new attempt with its intended operation, before the provider is asked."""
    kind = attempt_kind(choice.capture)
    key = operation_key(payment.order_id, number, kind)
    attempt = PaymentAttempt(
        payment_id=payment.id,
        number=number,
        payment_method_id=choice.payment_method_id,
        status=AttemptStatus.PROCESSING,
        created=at,
    )
    session.add(attempt)
    session.add(_intended(payment, kind, key=key, amount=payment.amount, attempt=number, at=at))
    return attempt


# Stands as the provider of what nobody was asked for.
NO_PROVIDER = "none"


def open_free(session: AsyncSession, payment: Payment, choice: Choice, at: datetime) -> None:
    """Write the payment of an order that costs nothing: charged with nothing, without asking a provider."""
    payment.provider, payment.status = NO_PROVIDER, PaymentStatus.COMPLETED
    session.add(
        PaymentAttempt(
            payment_id=payment.id,
            number=1,
            payment_method_id=choice.payment_method_id,
            status=AttemptStatus.SUCCEEDED,
            created=at,
        )
    )
    key = operation_key(payment.order_id, 1, OperationKind.CHARGE)
    charged = _intended(payment, OperationKind.CHARGE, key=key, amount=0, attempt=1, at=at)
    charged.state, charged.closed = OperationState.SUCCEEDED, at
    session.add(charged)


async def totals(session: AsyncSession, payment_id: str) -> Sums:
    """What was authorized, captured and refunded of a payment, in minor units."""
    return sums(_values(await operations(session, payment_id)))


async def operations(session: AsyncSession, payment_id: str) -> list[PaymentOperation]:
    rows = await session.scalars(
        select(PaymentOperation).where(PaymentOperation.payment_id == payment_id).order_by(PaymentOperation.created)
    )
    return list(rows)


async def tried(session: AsyncSession, payment_id: str) -> tuple[dict[int, PaymentAttempt], list[PaymentOperation]]:
    """The attempts of a payment by their number, and what was asked of the provider for them, oldest first."""
    attempts: dict[int, PaymentAttempt] = {}
    asked: list[PaymentOperation] = []
    for attempt, operation in await session.execute(_TRIED, {"payment_id": payment_id}):
        attempts[attempt.number] = attempt
        asked.append(operation)
    return attempts, asked


# Built once, at import: decision 6.
_TRIED = (
    select(PaymentAttempt, PaymentOperation)
    .join(
        PaymentOperation,
        and_(
            PaymentOperation.payment_id == PaymentAttempt.payment_id,
            PaymentOperation.attempt == PaymentAttempt.number,
        ),
    )
    .where(PaymentAttempt.payment_id == bindparam("payment_id"))
    .order_by(PaymentOperation.created)
)


class Waiting(NamedTuple):
    """A payment that its provider or its buyer has not ended yet, and since when it stands as it does."""

    order_id: str
    since: datetime
    unknown: bool


async def waiting(session: AsyncSession) -> list[Waiting]:
    """All payments that wait, the longest first."""
    rows = await session.execute(
        select(Payment.order_id, Payment.updated, Payment.status == PaymentStatus.UNKNOWN)
        .where(Payment.status.in_(_WAITING))
        .order_by(Payment.updated)
    )
    return [Waiting(*row) for row in rows]


# A payment that failed waits too: its buyer may still pay on the provider's page.
_WAITING = (
    PaymentStatus.PROCESSING,
    PaymentStatus.REQUIRES_ACTION,
    PaymentStatus.UNKNOWN,
    PaymentStatus.FAILED,
)


async def last_attempt(session: AsyncSession, payment_id: str) -> PaymentAttempt:
    row = await session.scalar(
        select(PaymentAttempt)
        .where(PaymentAttempt.payment_id == payment_id)
        .order_by(PaymentAttempt.number.desc())
        .limit(1)
    )
    assert row is not None, "a payment is created with its first attempt"
    return row


async def intend(
    session: AsyncSession, payment: Payment, kind: OperationKind, *, key: str, amount: int, attempt: int, at: datetime
) -> PaymentOperation:
    """Write down what the provider is about to be asked; insert-or-read by key. The payment must be locked.

    Raises OverdrawnPayment for a refund above what is left, OperationConflict for a key with another amount.
    """
    known = await session.get(PaymentOperation, key)
    if known is not None:
        if (known.amount, known.kind, known.payment_id) != (amount, kind, payment.id):
            raise OperationConflict(key=key)
        return known
    if kind is OperationKind.REFUND:
        check_refundable(_values(await operations(session, payment.id)), amount)
    operation = _intended(payment, kind, key=key, amount=amount, attempt=attempt, at=at)
    session.add(operation)
    return operation


def _intended(
    payment: Payment, kind: OperationKind, *, key: str, amount: int, attempt: int, at: datetime
) -> PaymentOperation:
    return PaymentOperation(
        key=key,
        payment_id=payment.id,
        attempt=attempt,
        kind=kind,
        state=OperationState.INTENDED,
        amount=amount,
        created=at,
    )


async def intend_next(
    session: AsyncSession, payment: Payment, kind: OperationKind, amount: int, at: datetime
) -> PaymentOperation:
    """Write down a further operation on the last attempt; one of the same kind and amount that is open is it.

    But for refunds: two parts of an order may cost the same.
    """
    attempt = await last_attempt(session, payment.id)
    same = [row for row in await operations(session, payment.id) if (row.kind, row.attempt) == (kind, attempt.number)]
    for row in same:
        if kind is not OperationKind.REFUND and row.state in OPEN_STATES and row.amount == amount:
            return row
    key = operation_key(payment.order_id, attempt.number, kind, len(same) + 1)
    return await intend(session, payment, kind, key=key, amount=amount, attempt=attempt.number, at=at)


def authorize_request(payment: Payment, choice: Choice, number: int, at: datetime) -> AuthorizeRequest:
    """What the provider is asked for an attempt that was opened at that time."""
    return AuthorizeRequest(
        provider=payment.provider,
        key=operation_key(payment.order_id, number, attempt_kind(choice.capture)),
        order_id=payment.order_id,
        payment_id=payment.id,
        amount=payment.amount,
        currency=payment.currency,
        payment_method_id=choice.payment_method_id,
        capture=choice.capture,
        since=payment.created,
        reference=payment.reference,
        look_first=number > 1 and payment.reference is None,
        asked=at,
    )


def move_request(payment: Payment, operation: PaymentOperation) -> MoveRequest:
    """What the provider is asked for an operation on an authorisation that it knows."""
    assert payment.reference is not None, "only an attempt that reached the provider is moved on"
    return MoveRequest(
        provider=payment.provider,
        key=operation.key,
        order_id=payment.order_id,
        reference=payment.reference,
        amount=operation.amount,
        payment_amount=payment.amount,
        currency=payment.currency,
    )


def close(
    operation: PaymentOperation, state: OperationState, *, reference: str | None, reason: str | None, at: datetime
) -> bool:
    """Write the outcome of an operation; False when it stands already, so that a repeated step changes nothing."""
    if operation.state is state:
        return False
    operation.state = OPERATION_MOVES.check(operation.state, state)
    operation.reference = reference or operation.reference
    operation.reason = reason
    operation.closed = None if state in OPEN_STATES else at
    return True


async def given_back(session: AsyncSession, payment_id: str) -> bool:
    """Whether more of the payment is released or refunded than the parts that were called off; or on the way there."""
    void = select(PaymentOperation.key).where(
        PaymentOperation.payment_id == payment_id,
        PaymentOperation.kind == OperationKind.VOID,
        PaymentOperation.state != OperationState.FAILED,
        PaymentOperation.reason.is_distinct_from(CALLED_OFF),
    )
    refund = select(Refund.id).where(Refund.payment_id == payment_id, of_the_whole())
    return bool(await session.scalar(select(or_(void.exists(), refund.exists()))))


async def release_called_off(session: AsyncSession, payment: Payment, amount: int, at: datetime) -> None:
    """The held money of parts that were called off is released by the capture of the rest.

    https://docs.stripe.com/payments/place-a-hold-on-a-payment-method
    """
    released = await intend_next(session, payment, OperationKind.VOID, amount, at)
    close(released, OperationState.SUCCEEDED, reference=payment.reference, reason=CALLED_OFF, at=at)


def of_the_whole() -> ColumnElement[bool]:
    """Refunds that an order's own cancellation made; one that called off a part has its own."""
    return and_(Refund.reason == RefundReason.CANCELLED, Refund.fulfilment_id.is_(None))


# Why a release stands beside a capture that was meant.
CALLED_OFF = "called_off"


async def close_unpaid(session: AsyncSession, payment: Payment, at: datetime) -> None:
    """End a payment that never got money: its last attempt is cancelled with its order."""
    total = await totals(session, payment.id)
    if not total.captured and not total.authorized:
        await end_attempt(session, payment, at, {OperationState.PENDING})
        await restate(session, payment, at)


async def end_attempt(session: AsyncSession, payment: Payment, at: datetime, over: Collection[OperationState]) -> None:
    """Cancel the last attempt; what it asked for and is in a state of `over` can't come any more."""
    attempt = await last_attempt(session, payment.id)
    attempt.status = AttemptStatus.CANCELLED
    for operation in await operations(session, payment.id):
        ended = operation.kind in ATTEMPT_KINDS | {OperationKind.CAPTURE}
        if operation.attempt == attempt.number and ended and operation.state in over:
            close(operation, OperationState.FAILED, reference=None, reason="cancelled", at=at)


async def restate(session: AsyncSession, payment: Payment, at: datetime) -> None:
    """Derive the payment's status again after an operation or attempt changed. The payment must be locked."""
    await session.flush()
    attempt = await last_attempt(session, payment.id)
    derive(payment, attempt, await operations(session, payment.id), at)


def derive(payment: Payment, attempt: PaymentAttempt, rows: Sequence[PaymentOperation], at: datetime) -> None:
    """Set the payment's status by its last attempt and all its operations, as they are in memory."""
    payment.status = derive_status(_values(rows), attempt.status)
    payment.updated = at


def _values(rows: Sequence[PaymentOperation]) -> list[Operation]:
    return [Operation.model_validate(row) for row in rows]
