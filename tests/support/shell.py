"""The program as an operator runs it: in a process of its own, with a deployment's settings in the environment."""

import asyncio
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE
from typing import Any

from sandbox.ready import Temporal
from tests.support.arena import Arena

_PROGRAM = Path(sys.executable).with_name("holdfast")


@dataclass(frozen=True)
class Run:
    status: int | None
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)


@dataclass(frozen=True)
class Shell:
    """An operator's shell, where a deployment's settings are in the environment."""

    settings: Mapping[str, str]

    async def run(self, *arguments: str, given: str = "", **more: str) -> Run:
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("HOLDFAST_", "TEMPORAL_", "DATABASE_URL"))
        }
        process = await asyncio.create_subprocess_exec(
            _PROGRAM, *arguments, stdin=PIPE, stdout=PIPE, stderr=PIPE, env={**inherited, **self.settings, **more}
        )
        out, err = await process.communicate(given.encode())
        return Run(process.returncode, out.decode(), err.decode())


def shell_beside(arena: Arena, temporal: Temporal) -> Shell:
    return Shell(
        {
            "COLUMNS": "200",
            "DATABASE_URL": arena.database.url,
            "TEMPORAL_ADDRESS": temporal.address,
            "TEMPORAL_NAMESPACE": temporal.namespace,
            "TEMPORAL_CONFIG_FILE": os.devnull,
            "HOLDFAST_JWT_SECRET": "a secret of the tests that is long enough",
            "HOLDFAST_STRIPE_API_KEY": "sk_test_arena",
            "HOLDFAST_STRIPE_API_BASE": arena.stripe.url,
            "HOLDFAST_STRIPE_WEBHOOK_SECRETS": '["whsec_test"]',
        }
    )
