"""Activities of the flows that orders are measured beside, and a provider that answers at once."""

import asyncio

from temporalio import activity

from domain.gateway import (
    AuthorizeRequest,
    Captured,
    MoveRequest,
    PaymentOutcome,
    Refunded,
    RefundOutcome,
    RefundRequest,
    Voided,
)

NAP_SECONDS = 0.05


@activity.defn(name="bench.nothing")
async def nothing() -> None:
    """No work at all."""


@activity.defn(name="bench.nothing_at_provider")
def nothing_at_provider() -> None:
    """No work at all, in a thread as provider calls are."""


@activity.defn(name="bench.nap")
async def nap() -> None:
    await asyncio.sleep(NAP_SECONDS)


class StubGateway:
    """A payment gateway in process: every request succeeds at once."""

    def authorize(self, request: AuthorizeRequest) -> PaymentOutcome:
        return Captured(reference=f"pi_{request.order_id}", amount=request.amount)

    def capture(self, request: MoveRequest) -> PaymentOutcome:
        return Captured(reference=request.reference, amount=request.amount)

    def void(self, request: MoveRequest) -> PaymentOutcome:
        return Voided(reference=request.reference)

    def read(self, request: MoveRequest) -> PaymentOutcome:
        return Captured(reference=request.reference, amount=request.amount)

    def find(self, request: AuthorizeRequest) -> PaymentOutcome | None:
        return self.authorize(request)

    def refund(self, request: RefundRequest) -> RefundOutcome:
        return Refunded(reference=f"re_{request.refund_id}", amount=request.amount)

    def read_refund(self, request: RefundRequest) -> RefundOutcome:
        return self.refund(request)
