"""With a state file nothing acknowledged is lost, not even to SIGKILL."""

import contextlib
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
import stripe

from tests.support.stripe_payments import held, intent_for, paid
from tests.support.stripe_sandbox import SECRET, Inbox, Sandbox, open_sandbox, wait_until

ROOT = Path(__file__).parents[3]


@contextlib.contextmanager
def process(
    port: int, state: Path | None, webhook_url: str | None = None
) -> Iterator[tuple[Sandbox, subprocess.Popen[bytes]]]:
    command = [sys.executable, "-m", "sandbox.stripe", "--port", str(port), "--webhook-secret", SECRET]
    command += ["--state", str(state)] if state else []
    command += ["--webhook-url", webhook_url] if webhook_url else []
    url = f"http://127.0.0.1:{port}"
    running = subprocess.Popen(command, cwd=ROOT)
    try:
        with httpx2.Client(base_url=url, timeout=10) as http:
            sandbox = Sandbox(url, [], http)
            wait_until(lambda: answers(sandbox))
            yield sandbox, running
    finally:
        running.kill()
        running.wait()


def answers(sandbox: Sandbox) -> bool:
    try:
        with urllib.request.urlopen(f"{sandbox.url}/_sandbox/script", timeout=5) as reply:  # noqa: S310 - our own loopback
            return bool(reply.status == 200)
    except OSError:
        return False


@pytest.fixture
def port(unused_tcp_port: int) -> int:
    return unused_tcp_port


def test_a_killed_simulator_comes_back_with_everything_it_acknowledged(tmp_path: Path, port: int) -> None:
    state = tmp_path / "stripe.db"
    with process(port, state) as (sandbox, running):
        client = sandbox.client()
        done, hold = paid(client, "ord_1", key="k1"), held(client, "ord_2")
        client.v1.refunds.create({"payment_intent": done.id, "amount": 300}, {"idempotency_key": "r1"})
        open_ = intent_for(client, "ord_3")
        before = [sandbox.state(f"ord_{n}") for n in (1, 2, 3)]
        running.send_signal(signal.SIGKILL)
        running.wait()

    with process(port, state) as (sandbox, _):
        client = sandbox.client()

        assert [sandbox.state(f"ord_{n}") for n in (1, 2, 3)] == before
        replayed = paid(client, "ord_1", key="k1")
        client.v1.refunds.create({"payment_intent": done.id, "amount": 300}, {"idempotency_key": "r1"})
        assert replayed.id == done.id
        assert sandbox.state("ord_1") == before[0]
        assert client.v1.payment_intents.capture(hold.id).amount_received == 1000
        assert client.v1.payment_intents.confirm(open_.id, {"payment_method": "pm_card_visa"}).status == "succeeded"


def test_what_is_due_and_undelivered_survives_a_kill(tmp_path: Path, port: int, inbox: Inbox) -> None:
    state = tmp_path / "stripe.db"
    inbox.answers[:] = [503] * 5
    with process(port, state, inbox.url) as (sandbox, running):
        sandbox.script(hold_ms=1500, webhooks={"delay_ms": 60_000})
        intent = held(sandbox.client())
        running.send_signal(signal.SIGKILL)
        running.wait()
    assert inbox.deliveries == []

    with process(port, state, inbox.url) as (sandbox, _):
        inbox.wait_for("payment_intent.amount_capturable_updated", "payment_intent.canceled")

        assert sandbox.client().v1.payment_intents.retrieve(intent.id).cancellation_reason == "automatic"
        assert sandbox.state("ord_1")["voided"] == 1000


def test_without_a_state_file_a_restart_forgets(port: int) -> None:
    with process(port, None) as (sandbox, _):
        paid(sandbox.client())
        assert sandbox.state("ord_1")["captured"] == 1000

    with process(port, None) as (sandbox, _):
        assert sandbox.state("ord_1") == {}


def test_a_state_file_serves_one_run_after_another(tmp_path: Path) -> None:
    for run in range(1, 4):
        with open_sandbox(state=tmp_path / "stripe.db") as sandbox:
            paid(sandbox.client(), "ord_1")
            assert sandbox.state("ord_1")["intents"] == run


def test_reset_empties_the_file_too(tmp_path: Path) -> None:
    with open_sandbox(state=tmp_path / "stripe.db") as sandbox:
        intent = paid(sandbox.client())
        sandbox.reset()

    with open_sandbox(state=tmp_path / "stripe.db") as sandbox, pytest.raises(stripe.InvalidRequestError):
        sandbox.client().v1.payment_intents.retrieve(intent.id)
