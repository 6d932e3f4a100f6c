"""The command line as an operator uses it: in a process of its own, beside a system that runs."""

import asyncio
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from subprocess import PIPE
from typing import Any

import psycopg
import pytest
from google.protobuf.duration_pb2 import Duration
from sqlalchemy import select, update
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest, RegisterNamespaceRequest
from temporalio.service import RPCError, RPCStatusCode

from db.ids import new_id
from db.passwords import hash_password
from db.tables import Account, Payment
from domain.orders import Role
from sandbox.ready import Temporal
from tests.support.arena import Arena, eventually
from workflows import names

PROGRAM = Path(sys.executable).with_name("holdfast")
HISTORY = Path(__file__).parents[1] / "replay" / "histories" / "order_completed.json"
PASSWORD = "correct horse battery staple"
NOBODY_LISTENS = "127.0.0.1:1"


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
            PROGRAM, *arguments, stdin=PIPE, stdout=PIPE, stderr=PIPE, env={**inherited, **self.settings, **more}
        )
        out, err = await process.communicate(given.encode())
        return Run(process.returncode, out.decode(), err.decode())


@pytest.fixture
def shell(arena: Arena, temporal: Temporal) -> Shell:
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


def states(run: Run) -> dict[str, str]:
    return {each["what"]: each["state"] for each in run.document}


async def test_the_doctor_finds_everything_in_order_where_it_is(shell: Shell) -> None:
    assert (await shell.run("sweep")).status == 0

    looked = await shell.run("doctor", "--json")

    assert looked.status == 0, looked
    wrong = {what: state for what, state in states(looked).items() if state == "wrong"}
    assert wrong == {}
    assert {"PostgreSQL", "schema", "search attributes", "workers of orders", "Stripe"} <= states(looked).keys()


@pytest.mark.parametrize(
    ("setting", "value", "what"),
    [
        ("HOLDFAST_JWT_SECRET", "tiny-9", "token keys"),
        ("TEMPORAL_ADDRESS", NOBODY_LISTENS, "Temporal"),
        ("DATABASE_URL", f"postgresql://nobody:secret@{NOBODY_LISTENS}/nothing", "database"),
        ("HOLDFAST_STRIPE_API_BASE", f"http://{NOBODY_LISTENS}", "Stripe"),
        ("HOLDFAST_PAYMENT_DEADLINE_SECONDS", "soon", "settings"),
    ],
)
async def test_the_doctor_says_what_is_wrong_and_how_to_mend_it(
    shell: Shell, setting: str, value: str, what: str
) -> None:
    looked = await shell.run("doctor", "--json", **{setting: value})

    assert looked.status == 1, looked
    found = {each["what"]: each for each in looked.document}
    assert found[what]["state"] == "wrong"
    assert found[what]["mend"]
    assert value not in looked.out


async def test_the_schema_of_a_later_release_is_no_fault(shell: Shell, owner_dsn: str) -> None:
    async with await psycopg.AsyncConnection.connect(owner_dsn) as connection:
        await connection.execute("UPDATE alembic_version SET version_num = '9999_later'")

    assert states(await shell.run("doctor", "--json"))["schema"] == "right"


async def test_settings_that_do_not_go_together_are_named(shell: Shell) -> None:
    login = {"HOLDFAST_SMTP_TLS": "none", "HOLDFAST_SMTP_PASSWORD": "a marked secret"}

    looked, verified = await shell.run("doctor", "--json", **login), await shell.run("verify", **login)

    assert (looked.status, verified.status) == (1, 2), (looked, verified)
    for told in (looked.document[0]["seen"], verified.err):
        assert "HOLDFAST_SMTP_TLS is none" in told
        assert "HOLDFAST_SMTP_PASSWORD" in told
    assert "marked" not in looked.out + looked.err + verified.out + verified.err


async def test_open_orders_are_compared_with_the_workflows_that_run(arena: Arena, shell: Shell) -> None:
    product = await arena.product()
    _, order = [(await arena.place(product)).json()["id"] for _ in range(2)]

    sound = await shell.run("verify", "--json")
    await arena.temporal.get_workflow_handle(names.order_workflow_id(order)).terminate("by mistake")

    async def broken() -> bool:
        return (await shell.run("verify", "--json")).status == 1

    # Temporal's list is some moments behind.
    await eventually(broken)
    off, shown = await shell.run("verify", "--json"), await shell.run("verify")
    away = await shell.run("verify", TEMPORAL_ADDRESS=NOBODY_LISTENS)

    assert (sound.status, sound.document["breaches"], sound.document["workflows"]) == (0, [], True), sound
    sentence = "It is open, and no workflow runs for it."
    assert off.document["breaches"] == [
        {"invariant": "open_means_running", "subject": order, "sentence": sentence},
    ]
    assert f"open_means_running {order}: {sentence}" in shown.out
    assert shown.out.splitlines()[-1].endswith("in our own books and against Temporal's; no provider was asked.")
    why = "Temporal does not answer; --no-workflows leaves it out"
    assert away == Run(2, "", f"The list of workflows could not be read: {why}.\n")


async def test_the_doctor_misses_workers_that_do_not_run(arena: Arena, shell: Shell) -> None:
    bare = RegisterNamespaceRequest(namespace="bare", workflow_execution_retention_period=Duration(seconds=86_400))
    await arena.temporal.workflow_service.register_namespace(bare)

    async def there() -> bool:
        try:
            await arena.temporal.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace="bare"))
        except RPCError as unknown:
            if unknown.status is not RPCStatusCode.NOT_FOUND:
                raise
            return False
        return True

    await eventually(there)
    looked = await shell.run("doctor", "--json", TEMPORAL_NAMESPACE="bare")

    assert looked.status == 1
    assert states(looked)["search attributes"] == "wrong"
    assert states(looked)["workers of orders"] == "wrong"


async def test_an_order_is_shown_by_its_number_and_by_its_id(arena: Arena, shell: Shell) -> None:
    order = (await arena.place(await arena.product())).json()

    by_number = await shell.run("order", "show", order["number"])
    by_id = await shell.run("order", "show", order["id"], "--json")

    assert by_number.status == 0
    assert order["id"] in by_number.out
    assert "26.44 USD were paid." in by_number.out
    assert (by_id.document["id"], by_id.document["status"]) == (order["id"], "confirmed")
    assert [each["type"] for each in by_id.document["timeline"]] == [
        "order.placed",
        "payment.captured",
        "order.confirmed",
    ]


@pytest.mark.parametrize("named", ["O-1", "ord_nonsense", "ord_01h455vb4pex5vsknk084sn02q", "9" * 21, "²"])
async def test_an_order_that_is_not_there_is_said_to_be_none(shell: Shell, named: str) -> None:
    shown = await shell.run("order", "show", named)

    assert (shown.status, shown.out, shown.err) == (1, "", f"There is no order {named}.\n")


async def test_orders_are_listed_newest_first_and_by_status(arena: Arena, shell: Shell) -> None:
    product = await arena.product()
    first, second = [(await arena.place(product)).json()["id"] for _ in range(2)]
    await arena.insist(first, "cancel")

    every = await shell.run("order", "list", "--json")
    cancelled = await shell.run("order", "list", "--status", "cancelled", "--json")

    assert [each["id"] for each in every.document] == [second, first]
    assert [each["id"] for each in cancelled.document] == [first]


async def test_a_test_order_is_paid_and_given_back(arena: Arena, shell: Shell) -> None:
    await arena.product()
    buyer = arena.people[Role.BUYER]
    async with arena.database.transaction() as session:
        await session.execute(update(Account).where(Account.id == buyer).values(password_hash=hash_password(PASSWORD)))
    asked = ("order", "test", "--api", str(arena.http.base_url), "--email", f"{buyer}@example.com")

    bought = await shell.run(*asked, HOLDFAST_TEST_PASSWORD=PASSWORD)
    refused = await shell.run(*asked, HOLDFAST_TEST_PASSWORD="not the password at all")

    assert bought.status == 0, bought
    assert "The test order went as it should." in bought.out
    orders = (await arena.get("/v1/orders"))["data"]
    assert [(each["status"], each["payment_status"]) for each in orders] == [("cancelled", "cancelled")]
    assert refused.status == 1
    assert "credentials_wrong" in refused.err


async def test_histories_are_replayed_on_this_code(arena: Arena, shell: Shell, tmp_path: Path) -> None:
    order = (await arena.place(await arena.product())).json()["id"]
    changed = tmp_path / "changed.json"
    changed.write_text(HISTORY.read_text().replace('"payments.authorize"', '"payments.something_else"'))

    running = await shell.run("replay")
    named = await shell.run("replay", str(HISTORY), f"order/{order}")
    other = await shell.run("replay", str(changed))

    assert (running.status, named.status) == (0, 0), (running, named)
    assert "1 histories replayed, 0 do not fit this code." in running.out
    assert "2 histories replayed" in named.out
    assert other.status == 1
    assert "1 do not fit this code." in other.out


async def test_after_a_restore_what_the_database_lost_is_told(arena: Arena, shell: Shell) -> None:
    kept = (await arena.place(await arena.product())).json()["id"]
    lost = new_id("ord")
    since = (datetime.now(UTC) - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%S")
    agreed = await shell.run("reconcile", "--since", since)
    arena.stripe.client().v1.payment_intents.create(
        {
            "amount": 500,
            "currency": "usd",
            "payment_method": "pm_card_visa",
            "confirm": True,
            "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
            "metadata": {"order_id": lost},
        }
    )

    differs = await shell.run("reconcile", "--since", since, "--json", "--report")

    assert (agreed.status, agreed.err) == (0, ""), agreed
    assert differs.status == 1
    assert [(each["subject"], each["invariant"]) for each in differs.document["differences"]] == [(lost, "known_to_us")]
    assert ("money_moved_outside", lost) in await arena.incidents()
    assert {subject for _, subject in await arena.incidents()} == {lost}
    assert (await arena.order(kept))["status"] == "confirmed"


async def test_after_a_restore_what_became_of_older_payments_is_told(arena: Arena, shell: Shell) -> None:
    """What was captured and refunded after the backup, of orders that are older than the time that is asked about."""
    product = await arena.product()
    left, captured = [(await arena.placed(product, capture="manual")).json()["id"] for _ in range(2)]
    refunded = (await arena.placed(product)).json()["id"]
    await arena.stop_workers()
    since = datetime.now(UTC) + timedelta(seconds=1)
    asked = ("reconcile", "--since", since.strftime("%Y-%m-%dT%H:%M:%S"), "--json")
    agreed = await shell.run(*asked)
    references = await _references(arena)
    await asyncio.sleep(max(0.0, (since - datetime.now(UTC)).total_seconds()))
    stripe = arena.stripe.client().v1
    stripe.payment_intents.capture(references[captured])
    stripe.refunds.create({"payment_intent": references[refunded], "amount": 100})

    differs = await shell.run(*asked)

    assert (agreed.status, agreed.document["differences"]) == (0, []), agreed
    assert differs.status == 1
    assert {each["subject"] for each in differs.document["differences"]} == {captured, refunded}
    assert {each["invariant"] for each in differs.document["differences"]} == {"same_amounts"}
    assert (await arena.order(left))["payment_status"] == "authorized"


async def test_money_of_a_payment_that_was_under_way_at_the_backup_is_told(arena: Arena, shell: Shell) -> None:
    order = (await arena.placed(await arena.product(), card="pm_card_authenticationRequired")).json()
    await arena.stop_workers()
    since = datetime.now(UTC) + timedelta(seconds=1)
    asked = ("reconcile", "--since", since.strftime("%Y-%m-%dT%H:%M:%S"), "--json")
    agreed = await shell.run(*asked)
    intent = order["next_action"]["client_secret"].partition("_secret_")[0]
    (await asyncio.to_thread(arena.stripe.challenge, intent, "succeed")).raise_for_status()

    differs = await shell.run(*asked)

    assert (agreed.status, agreed.document["differences"]) == (0, []), agreed
    assert {each["subject"] for each in differs.document["differences"]} == {order["id"]}


async def test_money_that_nobody_had_an_answer_about_at_the_backup_is_told(
    arena: Arena, shell: Shell, owner_dsn: str
) -> None:
    order = (await arena.placed(await arena.product())).json()["id"]
    await arena.stop_workers()
    async with await psycopg.AsyncConnection.connect(owner_dsn) as connection:
        await connection.execute("UPDATE payment_operations SET state = 'unknown', reference = NULL")
        await connection.execute("UPDATE payments SET status = 'unknown', reference = NULL")
    since = datetime.now(UTC) + timedelta(seconds=1)

    differs = await shell.run("reconcile", "--since", since.strftime("%Y-%m-%dT%H:%M:%S"), "--json")

    assert {each["subject"] for each in differs.document["differences"]} == {order}


async def test_a_refund_that_the_bank_sent_back_after_the_backup_is_told(arena: Arena, shell: Shell) -> None:
    arena.stripe.script(refund_turns_ms=10_000, faults=[{"times": 1, "do": "refund_fails_later"}])
    order = (await arena.placed(await arena.product())).json()["id"]
    await arena.insist(order, "cancel")
    await arena.until(order, payment_status="refunded")
    await arena.stop_workers()
    assert (await arena.truth(order))["refunded"] > 0, "it failed too early to be made anew from the backup"
    since = datetime.now(UTC) + timedelta(seconds=1)

    async def sent_back() -> bool:
        return bool((await arena.truth(order))["refunded"] == 0)

    await eventually(sent_back)
    differs = await shell.run("reconcile", "--since", since.strftime("%Y-%m-%dT%H:%M:%S"), "--json")

    assert [each["subject"] for each in differs.document["differences"]] == [order]


async def _references(arena: Arena) -> dict[str, str]:
    async with arena.database.transaction() as session:
        rows = await session.execute(select(Payment.order_id, Payment.reference))
        return {row.order_id: str(row.reference) for row in rows}


async def test_a_deployment_that_sells_nothing_yet_is_said_to_lack_what_it_needs(shell: Shell, owner_dsn: str) -> None:
    async with await psycopg.AsyncConnection.connect(owner_dsn) as connection:
        await connection.execute("DELETE FROM shipping_rates")
        await connection.execute("UPDATE accounts SET status = 'blocked' WHERE role = 'admin'")

    looked = await shell.run("doctor", "--json")

    assert looked.status == 1
    assert {what: states(looked)[what] for what in ("shipping rates", "administrators")} == {
        "shipping rates": "wrong",
        "administrators": "wrong",
    }


async def test_seeding_without_saying_what_is_a_mistake(shell: Shell) -> None:
    seeded = await shell.run("seed")

    assert seeded.status == 2
    assert "--demo" in seeded.err


async def test_an_account_is_made_with_a_password_from_standard_input(arena: Arena, shell: Shell) -> None:
    asked = ("account", "create", "--role", "admin", "--email", "ops@example.com", "--name", "Ops")

    made = await shell.run(*asked, given=f"{PASSWORD}\n")
    again = await shell.run(*asked, given=f"{PASSWORD}\n")

    assert made.status == 0, made
    assert again.status == 1
    login = await arena.http.post("/v1/auth/login", json={"email": "ops@example.com", "password": PASSWORD})
    assert login.status_code == 200
