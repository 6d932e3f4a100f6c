"""Between authorization and shipment: held money is watched, and given back before its provider lets it lapse (P14)."""

from contextlib import suppress
from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.exceptions import FailureError

with workflow.unsafe.imports_passed_through():
    from domain.gateway import PaymentOutcome, Voided
    from domain.incidents import IncidentKind
    from domain.payments import PaymentStatus
    from workflows.payment import PaymentStage
    from workflows.progress import Matter, Progress


# How long a provider that does not answer is left alone before it is asked again.
_AGAIN = timedelta(minutes=10)


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
        margin = timedelta(seconds=progress.placement.policy.capture_margin)
        ends, patience = captured_by - margin, captured_by - margin / 2
        look_at = ends
        while self._only_held:
            await self._news(look_at)
            if workflow.now() >= ends:
                if progress.held and self._only_held:
                    await self._report("The held money lapses, and the order is on hold.", captured_by.isoformat())
                await progress.free()
            if not self._only_held:
                break
            # At the end as well: somebody may have taken the money, and the news of it be lost.
            said = await self._looked()
            if isinstance(said, Voided):
                await self._report("The held money is gone at the provider.", "released there")
                break
            now = workflow.now()
            if now < ends:
                look_at = ends if said is not None else min(now + _AGAIN, ends)
            elif said is None and now < patience:
                look_at = min(now + _AGAIN, patience)
            else:
                break
        if self._only_held:
            await progress.free()
        return self._only_held

    async def _news(self, until: datetime) -> None:
        """Wait until the provider tells of a change and nobody else is at the order, or until then."""
        progress = self.progress
        with suppress(TimeoutError):
            await workflow.wait_condition(
                lambda: not self._only_held or (progress.changed and progress.busy is None),
                timeout=max(until - workflow.now(), timedelta(0)),
                timeout_summary="Held money lapses",
            )

    async def _report(self, story: str, details: str) -> None:
        self.progress.ask_for_attention(Matter.LAPSE, story)
        await self.progress.report(IncidentKind.AUTHORIZATION_LAPSES, details)

    @property
    def _only_held(self) -> bool:
        return not self.progress.closed and self.progress.state.payment_status is PaymentStatus.AUTHORIZED

    async def _looked(self) -> PaymentOutcome | None:
        """What the provider says of the money, None without an answer; what another's hand took is booked."""
        # Several may wake at once: whoever goes on takes the step before anything else runs.
        while self.progress.busy is not None:
            await workflow.wait_condition(lambda: self.progress.busy is None)
        if not self._only_held:
            return None
        self.progress.changed = False
        try:
            with self.progress.step("payment"):
                return await self.payment.look_again()
        except FailureError:
            workflow.logger.warning("held money could not be looked at")
            return None
