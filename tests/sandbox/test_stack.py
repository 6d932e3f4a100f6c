"""The whole stack in this process: real servers, with a stand-in for Holdfast's own commands."""

import json
import os
import socket
from collections.abc import AsyncIterator
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from signal import SIGKILL, SIGTERM

import psycopg
import pytest

from sandbox.errors import ChildDied, DataDirectoryInUse, KeepsCrashing, PortsTaken
from sandbox.ports import LOOPBACK, Ports
from sandbox.readiness import answers
from sandbox.ready import Ready
from sandbox.stack import Stack, StackOptions, running_stack
from sandbox.supervisor import Notice, Patience
from tests.sandbox.waiting import alive, until

_STAND_IN = {"PYTHONPATH": str(Path(__file__).with_name("stand_in"))}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("stack")


@pytest.fixture(scope="module")
async def stack(home: Path) -> AsyncIterator[Stack]:
    async with running_stack(options_in(home)) as running:
        yield running


def options_in(home: Path, **environment: str) -> StackOptions:
    return StackOptions(
        data_dir=home / "data",
        free_ports=True,
        ready_file=home / "ready.json",
        environment={**_STAND_IN, **environment},
    )


def told_to(stack: Stack, command: str) -> dict[str, str]:
    log = (stack.logs / f"{command}.log").read_text().splitlines()[0]
    environment: dict[str, str] = json.loads(log)["environment"]
    return environment


def in_file(home: Path) -> Ready:
    return Ready.model_validate_json((home / "ready.json").read_text())


async def test_the_ready_file_tells_where_everything_is_to_its_owner_only(stack: Stack, home: Path) -> None:
    ready = in_file(home)

    assert ready == stack.ready
    assert (home / "ready.json").stat().st_mode & 0o777 == 0o600
    assert await answers(f"{ready.api}/health/ready")()
    assert await answers(f"{ready.stripe}/_sandbox/state")()
    assert await answers(f"{ready.mail.inbox}/_sandbox/state")()
    assert await answers(f"{ready.temporal.ui}/")()
    assert ready.temporal.namespace == "holdfast"
    assert ready.accounts.buyer.email == "buyer@example.com"
    assert all(alive(pid) for pid in ready.pids.model_dump().values())
    async with await psycopg.AsyncConnection.connect(ready.database) as connection:
        assert connection.info.user == "holdfast"


async def test_each_of_our_programs_is_told_what_it_needs_and_no_more(stack: Stack) -> None:
    worker = told_to(stack, "worker")

    assert worker["DATABASE_URL"] == stack.ready.database
    assert worker["TEMPORAL_ADDRESS"] == stack.ready.temporal.address
    assert worker["TEMPORAL_NAMESPACE"] == "holdfast"
    assert worker["HOLDFAST_STRIPE_API_BASE"] == stack.ready.stripe
    assert worker["HOLDFAST_STRIPE_API_KEY"].startswith("sk_test_")
    assert json.loads(worker["HOLDFAST_STRIPE_WEBHOOK_SECRETS"])[0].startswith("whsec_")
    assert f"{worker['HOLDFAST_SMTP_HOST']}:{worker['HOLDFAST_SMTP_PORT']}" == stack.ready.mail.smtp
    assert "HOLDFAST_MIGRATION_DATABASE_URL" not in worker
    assert "HOLDFAST_DEMO_PASSWORD" not in worker
    assert told_to(stack, "api") == worker
    assert told_to(stack, "migrate")["HOLDFAST_MIGRATION_DATABASE_URL"].startswith("postgresql://postgres:")
    assert told_to(stack, "seed")["HOLDFAST_DEMO_PASSWORD"] == stack.ready.accounts.admin.password


@pytest.mark.parametrize("name", ["worker", "api", "stripe", "mail", "temporal", "postgres", "chain"])
async def test_a_killed_child_comes_back_and_the_ready_file_names_its_new_pid(
    stack: Stack, home: Path, name: str
) -> None:
    before = in_file(home).pids.model_dump()

    os.kill(before[name], SIGKILL)
    await until(lambda: in_file(home).pids.model_dump()[name] != before[name])

    after = in_file(home).pids.model_dump()
    assert {part for part in after if after[part] != before[part]} == {name}
    assert alive(after[name])
    assert in_file(home) == stack.ready


async def test_a_second_one_on_the_same_live_directory_is_refused(stack: Stack, home: Path) -> None:
    with pytest.raises(DataDirectoryInUse, match=f"pid {os.getpid()}"):
        async with running_stack(options_in(home)):
            pytest.fail("two stacks on one directory")

    assert await answers(f"{stack.ready.api}/health/ready")()


async def test_a_step_that_fails_ends_the_start_and_leaves_neither_process_nor_ready_file(tmp_path: Path) -> None:
    with pytest.raises(ChildDied, match="migrate fails on request"):
        async with running_stack(options_in(tmp_path, STAND_IN_FAILS="migrate")):
            pytest.fail("not ready without migrations")

    assert not (tmp_path / "ready.json").exists()
    assert not (tmp_path / "data" / "postgres" / "data" / "postmaster.pid").exists()


async def crash_worker_after_worker(options: StackOptions, pids: set[int]) -> None:
    async with running_stack(options) as stack:
        while True:
            pids.add(worker := stack.ready.pids.worker)
            # Not SIGKILL, which would not count as a crash of its own.
            os.kill(worker, SIGTERM)
            await until(lambda: stack.ready.pids.worker not in pids)


async def test_a_child_that_cannot_be_kept_alive_cuts_the_body_short(tmp_path: Path) -> None:
    options = replace(options_in(tmp_path), patience=Patience(crashes=2, first_pause=0.01))
    pids: set[int] = set()

    with pytest.raises(KeepsCrashing, match="worker crashed 2 times in a row"):
        await crash_worker_after_worker(options, pids)

    assert len(pids) == 2
    assert not any(alive(pid) for pid in pids)
    assert not (tmp_path / "ready.json").exists()


async def test_a_drawn_port_that_is_lost_before_its_child_binds_is_drawn_anew(tmp_path: Path) -> None:
    draws = [Ports.drawn(), Ports.drawn()]
    lost, found = draws
    options = replace(options_in(tmp_path), draw_ports=lambda: draws.pop(0))
    with ExitStack() as others:

        def take_the_port_of_the_api(name: str, _notice: Notice, _where: str) -> None:
            if name == "postgres" and draws:
                others.enter_context(closing(socket.create_server((LOOPBACK, lost.api))))

        async with running_stack(options, notify=take_the_port_of_the_api) as stack:
            assert stack.ready.api == f"http://{LOOPBACK}:{found.api}"
            assert await answers(f"{stack.ready.api}/health/ready")()


async def test_a_port_in_use_is_named_together_with_the_way_out(tmp_path: Path) -> None:
    with closing(socket.create_server((LOOPBACK, 0))) as other:
        port = other.getsockname()[1]
        options = StackOptions(data_dir=tmp_path, ports=replace(Ports.drawn(), postgres=port), environment=_STAND_IN)

        with pytest.raises(PortsTaken, match=rf"port {port} \(postgres\)\. .* --free-ports") as caught:
            async with running_stack(options):
                pytest.fail("two servers on one port")

    assert caught.value.taken == {"postgres": port}
