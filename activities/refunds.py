"""Refunds in the database: what the provider said about money on its way back."""

from datetime import datetime
from typing import assert_never

from temporalio import activity

from db import event_log, incidents, ledger, orders, payments
from db.session import Database
from db.tables import PaymentOperation, Refund
from domain.events import Event, EventType
from domain.gateway import Refunded, RefundFailed, RefundOutcome, RefundPending, RefundReversed
from domain.incidents import IncidentKind
from domain.ledger import Entry, refund_entry, refund_returned_entry
from domain.payments import OperationState
from domain.refunds import REFUND_MOVES, ApprovedRefund, RefundStatus
from domain.values import Value

# The money is with us.
_WithUs = RefundFailed | RefundReversed


class RecordRefund(Value):
    refund: ApprovedRefund
    outcome: RefundOutcome
    at: datetime


class RefundActivities:
    def __init__(self, database: Database) -> None:
        self._database = database

    @activity.defn(name="refunds.record")
    async def record(self, step: RecordRefund) -> RefundStatus:
        """Write the provider's outcome of a refund, with its ledger entry when the money has left."""
        approved, outcome, at = step.refund, step.outcome, step.at
        async with self._database.transaction() as session:
            order = await orders.lock(session, approved.order_id)
            payment = await payments.lock(session, approved.payment_id)
            refund = await session.get_one(Refund, approved.refund_id)
            operation = await session.get_one(PaymentOperation, approved.key)
            paid_before = operation.state is OperationState.SUCCEEDED
            state, status, event = _moves(outcome, paid_before=paid_before)
            reason = outcome.reason if isinstance(outcome, _WithUs) else None
            if not payments.close(operation, state, reference=outcome.reference, reason=reason, at=at):
                return refund.status
            refund.status = REFUND_MOVES.check(refund.status, status)
            refund.failure_reason, refund.updated, order.updated = reason, at, at
            refund.failed_after_success = paid_before and isinstance(outcome, RefundFailed)
            entry = _entry(step, operation.key, paid_before=paid_before)
            if entry is not None:
                await ledger.post(session, entry, at)
            event_log.append(
                session,
                Event(
                    type=event,
                    time=at,
                    subject=order.id,
                    data={"refund_id": refund.id, "amount": refund.amount, "currency": refund.currency, "code": reason},
                    correlation_id=approved.correlation_id,
                ),
            )
            if isinstance(outcome, _WithUs):
                await incidents.report(session, IncidentKind.REFUND_FAILED, refund.id, at, reason)
            await payments.restate(session, payment, at)
            return refund.status


def _entry(step: RecordRefund, operation: str, *, paid_before: bool) -> Entry | None:
    """What the outcome moves in the ledger: money that left, or that came back after it had left."""
    refund, outcome = step.refund, step.outcome
    if isinstance(outcome, Refunded):
        return refund_entry(refund.provider, operation, refund.currency, outcome.amount)
    if isinstance(outcome, _WithUs) and paid_before:
        return refund_returned_entry(refund.provider, operation, refund.currency, refund.amount)
    return None


def _moves(outcome: RefundOutcome, *, paid_before: bool) -> tuple[OperationState, RefundStatus, EventType]:
    match outcome:
        case Refunded():
            return OperationState.SUCCEEDED, RefundStatus.COMPLETED, EventType.REFUND_COMPLETED
        case RefundPending():
            return OperationState.PENDING, RefundStatus.PROCESSING, EventType.REFUND_PROCESSING
        case RefundReversed() if paid_before:
            return OperationState.FAILED, RefundStatus.REVERSED, EventType.REFUND_REVERSED
        # What was called off before it was paid has nothing to reverse.
        case RefundFailed() | RefundReversed():
            return OperationState.FAILED, RefundStatus.FAILED, EventType.REFUND_FAILED
        case _:
            assert_never(outcome)
