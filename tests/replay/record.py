"""Records the histories that test_replay.py replays: `make replay`, never part of a plain test run."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.replay.endings import ENDINGS
from tests.support.arena import Arena

HISTORIES = Path(__file__).parent / "histories"


@pytest.mark.parametrize("name", ENDINGS)
async def test_an_ending_is_recorded(arena: Arena, name: str) -> None:
    workflow_id = await ENDINGS[name](arena)
    handle = arena.temporal.get_workflow_handle(workflow_id)
    await handle.result()

    _keep(name, json.loads((await handle.fetch_history()).to_json()))


def _keep(name: str, history: Any) -> None:
    HISTORIES.mkdir(exist_ok=True)
    text = json.dumps(_anonymous(history), indent=1, sort_keys=True)
    (HISTORIES / f"{name}.json").write_text(text + "\n")


def _anonymous(told: Any) -> Any:
    """Without the machine that it was recorded on: process names, and paths in stack traces."""
    match told:
        case dict():
            return {
                key: "recorded" if key == "identity" else "" if key == "stackTrace" else _anonymous(value)
                for key, value in told.items()
                if key != "workerVersion"
            }
        case list():
            return [_anonymous(each) for each in told]
        case _:
            return told
