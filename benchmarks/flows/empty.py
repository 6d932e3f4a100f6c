"""A workflow that does nothing."""

from temporalio import workflow


@workflow.defn(name="EmptyWorkflow")
class EmptyWorkflow:
    @workflow.run
    async def run(self) -> None:
        pass
