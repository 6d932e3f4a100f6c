"""Between authorization and shipment: held money is watched, and given back before its provider lets it lapse (P14)."""

from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import FailureError

with workflow.unsafe.imports_passed_through():
    from domain.gateway import Voided
    from domain.incidents import IncidentKind
    from domain.payments import PaymentStatus
    from workflows.payment import PaymentStage
    from workflows.progress import Matter, Progress


class HeldMoney:
    def __init__(self, progress: Progress, payment: PaymentStage) -> None:
        self.progress = progress
        self.payment = payment

    async def lapses(self) -> bool:
        """True when held money was not captured in time, or is gone at the provider: then the order has to end."""
        progress, captured_by = self.progress, self.progress.capture_before
        if captured_by is None:
            return False
        # Nobody's answer waits for a timer.
        await workflow.wait_condition(workflow.all_handlers_finished)
        until = captured_by - timedelta(seconds=progress.placement.policy.capture_margin)
        while self._only_held:
            try:
                await workflow.wait_condition(
                    lambda: not self._only_held or (progress.changed and progress.busy is None),
                    timeout=max(until - workflow.now(), timedelta(0)),
                    timeout_summary="Held money lapses",
                )
            except TimeoutError:
                if progress.held:
                    await self._report("The held money lapses, and the order is on hold.", captured_by.isoformat())
                break
            if self._only_held and await self._gone():
                await self._report("The held money is gone at the provider.", "released there")
                break
        if self._only_held:
            await progress.free()
        return self._only_held

    async def _report(self, story: str, details: str) -> None:
        self.progress.ask_for_attention(Matter.LAPSE, story)
        await self.progress.report(IncidentKind.AUTHORIZATION_LAPSES, details)

    @property
    def _only_held(self) -> bool:
        return not self.progress.closed and self.progress.state.payment_status is PaymentStatus.AUTHORIZED

    async def _gone(self) -> bool:
        """Whether the provider no longer holds the money; what it took by another's hand is booked."""
        self.progress.changed = False
        try:
            with self.progress.step("payment"):
                said = await self.payment.look_again()
        except FailureError:
            workflow.logger.warning("held money could not be looked at")
            return False
        return isinstance(said, Voided)
