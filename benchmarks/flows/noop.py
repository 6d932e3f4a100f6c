"""The shape of an order without its work."""

from datetime import timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from benchmarks.steps import nothing, nothing_at_provider
    from workflows import names

_TIMEOUT = timedelta(seconds=20)


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
