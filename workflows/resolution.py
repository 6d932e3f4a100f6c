"""How a payment ended of which nobody knew: the provider is asked once more, then a person's "not paid" stands (P8)."""

from temporalio import workflow
from temporalio.exceptions import FailureError

with workflow.unsafe.imports_passed_through():
    from activities.failures import as_error, as_failure
    from activities.payments import PaymentActivities
    from domain.errors import (
        ProviderMismatch,
        ProviderUnreachable,
        RequestRefusedByProvider,
        ResolutionContradicted,
    )
    from domain.gateway import Authorized, AuthorizeRequest, Captured, Declined, PaymentOutcome, Voided
    from domain.repair import Resolution, Verdict
    from workflows.policies import LOOK, at_provider

_NOT_OURS = (RequestRefusedByProvider, ProviderMismatch)
_AGREES = {Verdict.PAID: (Authorized, Captured), Verdict.NOT_PAID: (Declined, Voided)}


async def resolved(request: AuthorizeRequest, finding: Resolution) -> PaymentOutcome:
    """The outcome of an attempt.

    Raises, as a failure, ResolutionContradicted when the provider says otherwise, or ProviderUnreachable when it says
    nothing: a payment is never paid by a person's word alone.
    """
    # Whoever says that nothing was paid has nothing to show: then the provider is searched by our own reference.
    reference = request.reference or (finding.reference if finding.verdict is Verdict.PAID else None)
    said = await _last_look(request, finding, reference)
    if said is None and finding.verdict is Verdict.NOT_PAID:
        return not_paid(request)
    if said is None:
        raise as_failure(ProviderUnreachable(reason="a payment counts as paid by the provider's word alone"))
    if not isinstance(said, _AGREES[finding.verdict]):
        raise as_failure(ResolutionContradicted(theirs=said.kind))
    return said


async def _last_look(request: AuthorizeRequest, finding: Resolution, reference: str | None) -> PaymentOutcome | None:
    """What the provider says, or None when it says nothing that is about this payment."""
    about = request if reference is None else request.about(reference)
    try:
        return await at_provider(PaymentActivities.read, about, request.provider, "Ask once more", within=LOOK)
    except FailureError as failure:
        error = as_error(failure)
        # Whoever says that it was paid must show a payment that is ours; and one that names our order is ours.
        named = isinstance(error, ProviderMismatch) and reference is None
        if named or (isinstance(error, _NOT_OURS) and finding.verdict is Verdict.PAID):
            raise as_failure(ResolutionContradicted(theirs="another than this order's")) from failure
        workflow.logger.warning("a person's word stands: %s", "no answer" if error is None else error.code)
        return None


def not_paid(request: AuthorizeRequest) -> Declined:
    """What came to nothing, although nobody knew for a while."""
    return Declined(
        reference=request.reference,
        code="not_paid",
        soft=True,
        message="The payment did not go through; choose another method.",
    )
