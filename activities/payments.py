"""Calls to payment providers: each is repeatable with its key, and answers with an outcome or not at all."""

from collections.abc import Mapping

from temporalio import activity

from domain.gateway import AuthorizeRequest, MoveRequest, PaymentGateway, PaymentOutcome, RefundOutcome, RefundRequest


class PaymentActivities:
    """The providers, by name. Methods block in threads; Temporal retries ProviderUnreachable with the same request."""

    def __init__(self, gateways: Mapping[str, PaymentGateway]) -> None:
        self._gateways = gateways

    @activity.defn(name="payments.authorize")
    def authorize(self, request: AuthorizeRequest) -> PaymentOutcome:
        """Hold the buyer's money, or take it, as the request's capture mode says."""
        return self._gateways[request.provider].authorize(request)

    @activity.defn(name="payments.capture")
    def capture(self, request: MoveRequest) -> PaymentOutcome:
        return self._gateways[request.provider].capture(request)

    @activity.defn(name="payments.void")
    def void(self, request: MoveRequest) -> PaymentOutcome:
        """Release an authorisation, or end an attempt that never got one."""
        return self._gateways[request.provider].void(request)

    @activity.defn(name="payments.read")
    def read(self, request: MoveRequest | AuthorizeRequest) -> PaymentOutcome | None:
        """The provider's current word, also on a request that left no reference: None when it has nothing of it.

        Changes nothing.
        """
        gateway = self._gateways[request.provider]
        return gateway.read(request) if isinstance(request, MoveRequest) else gateway.find(request)

    @activity.defn(name="payments.refund")
    def refund(self, request: RefundRequest) -> RefundOutcome:
        return self._gateways[request.provider].refund(request)

    @activity.defn(name="payments.read_refund")
    def read_refund(self, request: RefundRequest) -> RefundOutcome:
        """The provider's current word on a refund; changes nothing."""
        return self._gateways[request.provider].read_refund(request)
