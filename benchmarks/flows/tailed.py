"""An order with slow work behind its answer."""

from datetime import timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from benchmarks.steps import nap
    from domain.orders import OrderState, Placement
    from workflows import names
    from workflows.fulfilment import FulfilmentStage
    from workflows.order import OrderWorkflow

_TIMEOUT = timedelta(seconds=20)
_TAIL = 3


class _TailedStage(FulfilmentStage):
    async def run(self) -> bool:
        for _ in range(_TAIL):
            await workflow.execute_activity(
                nap, task_queue=names.provider_queue("stripe"), start_to_close_timeout=_TIMEOUT
            )
        return await super().run()


@workflow.defn(name="TailedOrderWorkflow")
class TailedOrderWorkflow(OrderWorkflow):
    """An order with three slow steps after the accepting one."""

    @workflow.init
    def __init__(self, placement: Placement) -> None:
        super().__init__(placement)
        self.fulfilment = _TailedStage(self.progress)

    @workflow.run
    async def run(self, placement: Placement) -> OrderState:
        return await super().run(placement)
