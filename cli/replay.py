"""`replay`: run recorded or running workflows' histories on this code, before it is deployed."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Annotated, NamedTuple

import typer
from rich.console import Console
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.service import RPCError
from temporalio.worker import Replayer

from cli.answers import AsJson, answer
from cli.settled import leave
from workflows.connecting import connect, observed

_RUNNING = "ExecutionStatus='Running' AND (WorkflowType='OrderWorkflow' OR WorkflowType='RefundWorkflow')"
# How much of a failure is shown: the SDK's own text has whole stack traces in it.
_SHOWN = 300


class _Misfit(NamedTuple):
    workflow_id: str
    why: str


def replay(
    what: Annotated[
        list[str] | None,
        typer.Argument(help="Workflow ids (order/ord_…) or files of histories; all running ones without it."),
    ] = None,
    most: Annotated[int, typer.Option(help="How many of the running ones.", min=1)] = 1000,
    as_json: AsJson = False,
) -> None:
    """Replay histories on this code; exits with 1 if one does not fit it, with 2 if one could not be read."""
    try:
        named = {each: _recorded(Path(each)) for each in what or ()}
        # What was seen is told at once: a later history may be one that can't be read.
        count, misfits = asyncio.run(_replayed(named, most, Console(highlight=False, stderr=as_json)))
    except (RPCError, RuntimeError, OSError, ValueError) as problem:
        leave(f"The histories could not be read: {problem}")
    if as_json:
        answer({"histories": count, "misfits": [each._asdict() for each in misfits]})
    raise typer.Exit(1 if misfits else 0)


def _recorded(file: Path) -> WorkflowHistory | None:
    return WorkflowHistory.from_json(file.stem, file.read_text(encoding="utf-8")) if file.is_file() else None


async def _replayed(
    named: Mapping[str, WorkflowHistory | None], most: int, console: Console
) -> tuple[int, list[_Misfit]]:
    """How many were replayed, and which of them don't fit."""
    replayer, count, misfits = _replayer(), 0, list[_Misfit]()
    with Console(stderr=True).status("Replaying"):
        async for history in _named(named) if named else _running(most):
            count += 1
            result = await replayer.replay_workflow(history, raise_on_replay_failure=False)
            if result.replay_failure is not None:
                misfits.append(_Misfit(history.workflow_id, str(result.replay_failure)[:_SHOWN]))
                console.print(f"  {history.workflow_id}: {misfits[-1].why}", style="red", markup=False)
    said = f"{count} histories replayed, {len(misfits)} do not fit this code."
    console.print(said, style="red" if misfits else "green")
    return count, misfits


def _replayer() -> Replayer:
    import worker as workers  # noqa: PLC0415 - a second, which only this verb takes

    return Replayer(workflows=workers.WORKFLOWS, data_converter=pydantic_data_converter, runtime=observed())


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
