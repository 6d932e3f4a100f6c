"""How a payment ended of which nobody knew: the provider is asked once more, then a person's word stands (P8)."""

from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import FailureError

with workflow.unsafe.imports_passed_through():
    from activities.failures import as_error, as_failure
    from activities.payments import PaymentActivities
    from domain.errors import RequestRefusedByProvider, ResolutionContradicted
    from domain.gateway import Authorized, AuthorizeRequest, Captured, Declined, PaymentOutcome, Voided
    from domain.payments import CaptureMode
    from domain.repair import Resolution, Verdict
    from workflows.policies import at_provider

# A provider that does not answer for so long does not keep a person waiting who knows.
_LAST_LOOK = timedelta(seconds=30)
_AGREES = {Verdict.PAID: (Authorized, Captured), Verdict.NOT_PAID: (Declined, Voided)}


async def resolved(request: AuthorizeRequest, finding: Resolution) -> PaymentOutcome:
    """The outcome of an attempt. Raises ResolutionContradicted as a failure when the provider says otherwise."""
    reference = finding.reference or request.reference
    said = None if reference is None else await _last_look(request, finding, reference)
    if said is None:
        return _by_word(request, finding.verdict, reference)
    if not isinstance(said, _AGREES[finding.verdict]):
        raise as_failure(ResolutionContradicted(theirs=said.kind))
    return said


async def _last_look(request: AuthorizeRequest, finding: Resolution, reference: str) -> PaymentOutcome | None:
    """What the provider says, or None when it says nothing that is about this payment."""
    try:
        return await at_provider(
            PaymentActivities.read, request.about(reference), request.provider, "Ask once more", within=_LAST_LOOK
        )
    except FailureError as failure:
        error = as_error(failure)
        if isinstance(error, RequestRefusedByProvider) and finding.verdict is Verdict.PAID:
            raise as_failure(ResolutionContradicted(theirs="not there")) from failure
        workflow.logger.warning("a person's word stands: %s", "no answer" if error is None else error.code)
        return None


def _by_word(request: AuthorizeRequest, verdict: Verdict, reference: str | None) -> PaymentOutcome:
    if verdict is Verdict.NOT_PAID or reference is None:
        return Declined(
            reference=request.reference,
            code="not_paid",
            soft=True,
            message="The payment did not go through; choose another method.",
        )
    if request.capture is CaptureMode.MANUAL:
        return Authorized(reference=reference, amount=request.amount)
    return Captured(reference=reference, amount=request.amount)
