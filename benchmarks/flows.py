"""What an order is measured beside: an empty workflow, a no-op flow of its shape, and an order with a slow tail."""

from datetime import timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from benchmarks.steps import nap, nothing, nothing_at_provider
    from domain.orders import OrderState, Placement
    from workflows import names
    from workflows.fulfilment import FulfilmentStage
    from workflows.order import OrderWorkflow

_TIMEOUT = timedelta(seconds=20)
_TAIL = 3


@workflow.defn(name="EmptyWorkflow")
class EmptyWorkflow:
    @workflow.run
    async def run(self) -> None:
        pass


@workflow.defn(name="NoopWorkflow")
class NoopWorkflow:
    """The commands of a placed order and nothing behind them."""

    def __init__(self) -> None:
        self.answered = False
        self.ended = False

    @workflow.run
    async def run(self) -> None:
        await workflow.execute_local_activity(nothing, start_to_close_timeout=_TIMEOUT)
        await workflow.execute_activity(
            nothing_at_provider, task_queue=names.provider_queue("stripe"), start_to_close_timeout=_TIMEOUT
        )
        await workflow.execute_local_activity(nothing, start_to_close_timeout=_TIMEOUT)
        workflow.upsert_search_attributes([names.ORDER_STATUS.value_set("confirmed")])
        self.answered = True
        await workflow.wait_condition(lambda: self.ended)

    @workflow.update
    async def placed(self) -> None:
        await workflow.wait_condition(lambda: self.answered)


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
