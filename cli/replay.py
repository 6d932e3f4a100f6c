"""`replay`: run recorded or running workflows' histories on this code, before it is deployed."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.service import RPCError
from temporalio.worker import Replayer

from cli.settled import leave
from workflows.connecting import connect

_RUNNING = "ExecutionStatus='Running' AND (WorkflowType='OrderWorkflow' OR WorkflowType='RefundWorkflow')"
# How much of a failure is shown: the SDK's own text has whole stack traces in it.
_SHOWN = 300


def replay(
    what: Annotated[
        list[str] | None,
        typer.Argument(help="Workflow ids (order/ord_…) or files of histories; all running ones without it."),
    ] = None,
    most: Annotated[int, typer.Option(help="How many of the running ones.", min=1)] = 1000,
) -> None:
    """Replay histories on this code; exits with 1 if one does not fit it, with 2 if one could not be read."""
    try:
        named = {each: _recorded(Path(each)) for each in what or ()}
        failed = asyncio.run(_replayed(named, most))
    except (RPCError, RuntimeError, OSError, ValueError) as problem:
        leave(f"The histories could not be read: {problem}")
    raise typer.Exit(1 if failed else 0)


def _recorded(file: Path) -> WorkflowHistory | None:
    return WorkflowHistory.from_json(file.stem, file.read_text(encoding="utf-8")) if file.is_file() else None


async def _replayed(named: Mapping[str, WorkflowHistory | None], most: int) -> int:
    console, replayer = Console(highlight=False), _replayer()
    count = failed = 0
    with Console(stderr=True).status("Replaying"):
        async for history in _named(named) if named else _running(most):
            count += 1
            result = await replayer.replay_workflow(history, raise_on_replay_failure=False)
            if result.replay_failure is not None:
                failed += 1
                why = str(result.replay_failure)[:_SHOWN]
                console.print(f"  {history.workflow_id}: {why}", style="red", markup=False)
    console.print(f"{count} histories replayed, {failed} do not fit this code.", style="red" if failed else "green")
    return failed


def _replayer() -> Replayer:
    import worker as workers  # noqa: PLC0415 - a second, which only this verb takes

    return Replayer(workflows=workers.WORKFLOWS, data_converter=pydantic_data_converter)


async def _named(named: Mapping[str, WorkflowHistory | None]) -> AsyncIterator[WorkflowHistory]:
    client = None
    for workflow_id, recorded in named.items():
        if recorded is not None:
            yield recorded
            continue
        client = client or await connect()
        yield await client.get_workflow_handle(workflow_id).fetch_history()


async def _running(most: int) -> AsyncIterator[WorkflowHistory]:
    client = await connect()
    async for history in client.list_workflows(_RUNNING, limit=most).map_histories():
        yield history
