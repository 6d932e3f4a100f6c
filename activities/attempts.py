"""Attempts to pay, in the database: opened before the provider is asked, recorded with its outcome."""

from datetime import datetime
from typing import assert_never

from sqlalchemy.ext.asyncio import AsyncSession
from temporalio import activity

from db import event_log, incidents, ledger, orders, payments
from db.captures import capture_of_held
from db.commands import Answering, answering, earlier_answer, evidence_of, keep_answer
from db.session import Database
from db.tables import Order, Payment, PaymentAttempt, PaymentOperation
from domain.errors import OrderClosed
from domain.events import Event, EventType
from domain.gateway import (
    ActionRequired,
    Authorized,
    AuthorizeRequest,
    Captured,
    Declined,
    PaymentOutcome,
    Pending,
    Unknown,
    Voided,
)
from domain.ids import OrderId, RequestId
from domain.incidents import IncidentKind
from domain.ledger import capture_entry
from domain.orders import ORDER_MOVES, Command, OrderState, OrderStatus
from domain.payments import ATTEMPT_KINDS, OPEN_STATES, AttemptStatus, CaptureMode, OperationKind, OperationState
from domain.values import Value


class OpenAttempt(Value):
    """Another method after a decline: `number` is the business attempt."""

    order_id: OrderId
    command: Command
    number: int
    at: datetime


class Resolved(Value):
    """How a payment of which nobody knew ended, and the person's command that it was found out by."""

    command: Command
    outcome: PaymentOutcome


class RecordAttempt(Value):
    """The provider's outcome of an attempt; it is also the answer to the command that asked for the attempt.

    `resolved` is there when a person found the outcome out.
    """

    request: AuthorizeRequest
    number: int
    outcome: PaymentOutcome
    request_id: RequestId
    correlation_id: str
    at: datetime
    resolved: Resolved | None = None


class AttemptActivities:
    def __init__(self, database: Database) -> None:
        self._database = database

    @activity.defn(name="attempts.open")
    async def open(self, step: OpenAttempt) -> AuthorizeRequest:
        """Write the next attempt before the provider is asked; repeated, it returns the same request.

        Raises OrderClosed when the order has ended, whatever the workflow knows of it.
        """
        choice = step.command.payment
        assert choice is not None, "the API sends a choice with every pay command"
        async with self._database.transaction() as session:
            order, payment = await orders.lock_with_payment(session, step.order_id)
            if ORDER_MOVES.is_terminal(order.status):
                raise OrderClosed(status=order.status)
            payment.capture = choice.capture
            attempt = await session.get(PaymentAttempt, (payment.id, step.number))
            if attempt is None:
                attempt = payments.open_attempt(session, payment, step.number, choice, step.at)
                await payments.restate(session, payment, step.at)
            return payments.authorize_request(payment, choice, step.number, attempt.created)

    @activity.defn(name="attempts.record")
    async def record(self, step: RecordAttempt) -> OrderState:
        """Write what the provider said; money that was authorized or captured confirms the order.

        Money for an order that has ended without it is a person's matter, and nothing else.
        """
        command = Answering(request_id=step.request_id, order_id=step.request.order_id, name="pay", at=step.at)
        async with answering(self._database, command) as session:
            order, payment = await orders.lock_with_payment(session, step.request.order_id)
            attempts, operations = await payments.tried(session, payment.id)
            if _is_late(step.outcome, order, operations):
                await incidents.report(session, IncidentKind.MONEY_AFTER_END, order.id, step.at, step.outcome.reference)
                return await keep_answer(session, command)
            attempt = attempts[step.number]
            operation = await _operation(session, step, payment, operations)
            before, taken_before = attempt.status, _taken(operations)
            state, attempt.status = _states(step.outcome)
            reference, reason = step.outcome.reference, _reason(step.outcome)
            closed = payments.close(operation, state, reference=reference, reason=reason, at=step.at)
            # A buyer's turn and the provider's are one state of the operation, and two of the attempt.
            # Held money can be taken by another's hand, in the provider's own dashboard.
            taken = isinstance(step.outcome, Captured) and not taken_before
            if closed or attempt.status is not before or taken:
                await _apply(session, step, order, payment, attempt)
                if isinstance(step.outcome, Captured):
                    await _captured(session, step, payment, operations, step.outcome)
                payments.derive(payment, attempt, operations, step.at)
            if step.resolved is not None:
                await _resolve(session, step, step.resolved.command)
            # An attempt's first outcome answers the command and stays; a later one only moves the order on.
            return await keep_answer(session, command)


def _is_late(outcome: PaymentOutcome, order: Order, operations: list[PaymentOperation]) -> bool:
    money = isinstance(outcome, Authorized | Captured)
    had = any(each.kind in ATTEMPT_KINDS and each.state is OperationState.SUCCEEDED for each in operations)
    return money and not had and ORDER_MOVES.is_terminal(order.status)


def _taken(operations: list[PaymentOperation]) -> bool:
    takes = {OperationKind.CHARGE, OperationKind.CAPTURE}
    return any(each.kind in takes and each.state is OperationState.SUCCEEDED for each in operations)


def _states(outcome: PaymentOutcome) -> tuple[OperationState, AttemptStatus]:
    match outcome:
        case Authorized() | Captured():
            return OperationState.SUCCEEDED, AttemptStatus.SUCCEEDED
        case ActionRequired():
            return OperationState.PENDING, AttemptStatus.REQUIRES_ACTION
        case Pending():
            return OperationState.PENDING, AttemptStatus.PROCESSING
        case Declined():
            return OperationState.FAILED, AttemptStatus.DECLINED
        case Voided():
            return OperationState.FAILED, AttemptStatus.CANCELLED
        case Unknown():
            return OperationState.UNKNOWN, AttemptStatus.UNKNOWN
        case _:
            assert_never(outcome)


def _reason(outcome: PaymentOutcome) -> str | None:
    match outcome:
        case Declined():
            return outcome.code
        case Unknown():
            return outcome.reason
        case _:
            return None


async def _resolve(session: AsyncSession, step: RecordAttempt, command: Command) -> None:
    """Who found it out, and the answer to that command; the incident about it is over."""
    order_id = step.request.order_id
    answering = Answering(request_id=command.request_id, order_id=order_id, name="resolve_payment", at=step.at)
    if await earlier_answer(session, command.request_id) is not None:
        return
    evidence = await evidence_of(session, command.request_id)
    note = f"resolved: {step.outcome.kind}; {evidence}"
    # Nobody may have been called yet; what was found out is written down all the same.
    await incidents.report(session, IncidentKind.PAYMENT_UNKNOWN, order_id, step.at)
    await incidents.settle(session, IncidentKind.PAYMENT_UNKNOWN, order_id, command.actor_id, note, step.at)
    data = {"payment_id": step.request.payment_id, "actor_id": command.actor_id, "outcome": step.outcome.kind}
    event_log.append(
        session,
        Event(
            type=EventType.PAYMENT_RESOLVED,
            time=step.at,
            subject=order_id,
            data={**data, "reference": step.outcome.reference},
            correlation_id=command.correlation_id,
            causation_id=command.request_id,
        ),
    )
    await keep_answer(session, answering)


_EVENTS = {
    "authorized": EventType.PAYMENT_AUTHORIZED,
    "captured": EventType.PAYMENT_CAPTURED,
    "action_required": EventType.PAYMENT_REQUIRES_ACTION,
    "pending": EventType.PAYMENT_PROCESSING,
    "declined": EventType.PAYMENT_DECLINED,
    "voided": EventType.PAYMENT_VOIDED,
    "unknown": EventType.PAYMENT_UNKNOWN,
}


async def _operation(
    session: AsyncSession, step: RecordAttempt, payment: Payment, operations: list[PaymentOperation]
) -> PaymentOperation:
    """What the outcome is of: what was asked for, what the provider did instead, or a later try of the buyer."""
    asked = next(each for each in operations if each.key == step.request.key)
    # Money that is held although it was to be taken: the buyer paid by the page of an attempt before.
    held = isinstance(step.outcome, Authorized) or (isinstance(step.outcome, Captured) and _held(asked, operations))
    kind = OperationKind.AUTHORIZE if held else asked.kind
    for each in operations:
        if kind is not asked.kind and (each.kind, each.attempt) == (asked.kind, asked.attempt):
            _over(each, step)
    of_kind = [each for each in operations if (each.kind, each.attempt) == (kind, asked.attempt)]
    if of_kind and (of_kind[-1].state is not OperationState.FAILED or isinstance(step.outcome, Declined | Voided)):
        return of_kind[-1]
    operation = await payments.intend_next(session, payment, kind, asked.amount, step.at)
    operations.append(operation)
    return operation


def _held(asked: PaymentOperation, operations: list[PaymentOperation]) -> bool:
    of_attempt = [each for each in operations if (each.kind, each.attempt) == (OperationKind.AUTHORIZE, asked.attempt)]
    return any(each.state is OperationState.SUCCEEDED for each in of_attempt)


def _over(operation: PaymentOperation, step: RecordAttempt) -> None:
    """What was asked for will not come any more: the provider did something else."""
    if operation.state in OPEN_STATES:
        payments.close(operation, OperationState.FAILED, reference=None, reason=step.outcome.kind, at=step.at)


async def _captured(
    session: AsyncSession, step: RecordAttempt, payment: Payment, operations: list[PaymentOperation], taken: Captured
) -> None:
    """Money that was taken is booked under what took it: also when it was only to be held."""
    charged = await _operation(session, step, payment, operations)
    if charged.kind is OperationKind.AUTHORIZE:
        charged, *released = await capture_of_held(session, payment, taken, step.at)
        operations += [charged, *released]
    entry = capture_entry(payment.provider, charged.key, payment.currency, taken.amount)
    await ledger.post(session, entry, step.at)


async def _apply(
    session: AsyncSession, step: RecordAttempt, order: Order, payment: Payment, attempt: PaymentAttempt
) -> None:
    outcome, at = step.outcome, step.at
    payment.reference = outcome.reference or payment.reference
    event_log.append(session, _event(step, payment))
    if isinstance(outcome, Declined):
        attempt.decline_code, attempt.message = outcome.code, outcome.message
    if isinstance(outcome, ActionRequired):
        attempt.client_secret = outcome.client_secret
    if isinstance(outcome, Authorized):
        attempt.capture_before = outcome.capture_before
        payment.capture = CaptureMode.MANUAL
    if isinstance(outcome, Authorized | Captured):
        orders.move(
            session,
            order,
            OrderStatus.CONFIRMED,
            EventType.ORDER_CONFIRMED,
            correlation_id=step.correlation_id,
            at=at,
        )


def _event(step: RecordAttempt, payment: Payment) -> Event:
    return Event(
        type=_EVENTS[step.outcome.kind],
        time=step.at,
        subject=payment.order_id,
        data={
            "payment_id": payment.id,
            "attempt": step.number,
            "amount": step.outcome.amount if isinstance(step.outcome, Authorized | Captured) else payment.amount,
            "currency": payment.currency,
            "code": _reason(step.outcome),
        },
        correlation_id=step.correlation_id,
        causation_id=step.request_id,
    )
