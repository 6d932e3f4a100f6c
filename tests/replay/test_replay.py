"""Recorded histories, one per workflow and ending, replay on today's code; `make replay` records them anew."""

import json
from pathlib import Path

import pytest
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer

import worker as workers
from tests.replay.endings import ENDINGS

HISTORIES = Path(__file__).parent / "histories"


def replayer() -> Replayer:
    return Replayer(workflows=workers.WORKFLOWS, data_converter=pydantic_data_converter)


def history(path: Path) -> WorkflowHistory:
    return WorkflowHistory.from_json(path.stem, path.read_text())


def recorded() -> list[Path]:
    return sorted(HISTORIES.glob("*.json"))


@pytest.mark.parametrize("path", recorded(), ids=lambda path: path.stem)
async def test_a_recorded_history_replays(path: Path) -> None:
    await replayer().replay_workflow(history(path))


def test_every_ending_is_recorded() -> None:
    assert {path.stem for path in recorded()} == set(ENDINGS)


async def test_a_changed_workflow_does_not_replay() -> None:
    told = json.loads(history(HISTORIES / "order_completed.json").to_json())
    for event in told["events"]:
        scheduled = event.get("activityTaskScheduledEventAttributes")
        if scheduled:
            scheduled["activityType"]["name"] = "payments.something_else"

    with pytest.raises(Exception, match=r"[Nn]ondeterminism|TMPRL1100"):
        await replayer().replay_workflow(WorkflowHistory.from_json("changed", json.dumps(told)))
