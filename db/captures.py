"""Money that was taken by another's hand: the operations under which it stands in our books."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from db import fulfilments, incidents, payments
from db.tables import Payment, PaymentOperation
from domain.gateway import Captured
from domain.incidents import IncidentKind
from domain.payments import ATTEMPT_KINDS, OPEN_STATES, AttemptStatus, OperationKind, OperationState


async def captured_meanwhile(
    session: AsyncSession, payment: Payment, taken: Captured, at: datetime
) -> PaymentOperation:
    """Write down money that was taken while we wanted it released; the operation that took it.

    It is the attempt's own when that was to take the money at once (the buyer confirmed late, or once more after it had
    failed), or else a capture that somebody made at the provider.
    """
    attempts, asked = await payments.tried(session, payment.id)
    number = max(attempts)
    ours = [each for each in asked if each.attempt == number and each.kind in ATTEMPT_KINDS][-1]
    attempts[number].status = AttemptStatus.SUCCEEDED
    if ours.state is OperationState.FAILED:
        ours = await payments.intend_next(session, payment, ours.kind, payment.amount, at)
    payments.close(ours, OperationState.SUCCEEDED, reference=taken.reference, reason=None, at=at)
    if ours.kind is OperationKind.AUTHORIZE:
        ours, *_ = await capture_of_held(session, payment, taken, at)
    return ours


async def capture_of_held(
    session: AsyncSession, payment: Payment, taken: Captured, at: datetime
) -> list[PaymentOperation]:
    """The capture of held money that nobody of us asked for, and the release of the rest when it was a part only.

    Providers release what was not captured: https://docs.stripe.com/payments/place-a-hold-on-a-payment-method
    """
    for each in await payments.operations(session, payment.id):
        if each.kind is OperationKind.CAPTURE and each.state in OPEN_STATES and each.amount != taken.amount:
            payments.close(each, OperationState.FAILED, reference=None, reason="captured in part", at=at)
    moves = [(OperationKind.CAPTURE, taken.amount)]
    called_off = await fulfilments.called_off(session, await fulfilments.of_order(session, payment.order_id))
    if taken.amount < payment.amount and payment.amount - taken.amount == called_off:
        await payments.release_called_off(session, payment, called_off, at)
    elif taken.amount < payment.amount:
        moves.append((OperationKind.VOID, payment.amount - taken.amount))
        told = (
            f"{taken.amount} of {payment.amount} {payment.currency} were captured, the rest was released (minor units)"
        )
        await incidents.report(session, IncidentKind.MONEY_MOVED_OUTSIDE, payment.order_id, at, told)
    done = [await payments.intend_next(session, payment, kind, amount, at) for kind, amount in moves]
    for each in done:
        payments.close(each, OperationState.SUCCEEDED, reference=taken.reference, reason=None, at=at)
    return done
