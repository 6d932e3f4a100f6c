"""`holdfast verify` as an operator runs it: in a process of its own, on real rows and beside a real simulator."""

import asyncio
import json
import os
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE

import psycopg
import pytest
import pytest_asyncio

from db.books_audit import PROVIDER_ONLY, TEMPORAL_ONLY
from db.books_report import LOOKED_AT
from db.session import Database
from domain.books import Invariant
from sandbox.postgres import Postgres
from tests.support.stripe_payments import paid
from tests.support.stripe_sandbox import Sandbox, open_sandbox
from tests.support.trade import Trade, captured

PROGRAM = (str(Path(sys.executable).with_name("holdfast")),)
# Two pieces of 19.99, 7.25 % tax, 5.00 shipping.
TOTAL = 4788
ROWS = len(Invariant) - len(TEMPORAL_ONLY)
OWN = ROWS - len(PROVIDER_ONLY)


@dataclass(frozen=True)
class Run:
    status: int | None
    out: str
    err: str


async def verify(url: str | None, *flags: str, program: tuple[str, ...] = PROGRAM, **more: str) -> Run:
    """Of the rows alone: no workflow made them."""
    environment = {name: value for name, value in os.environ.items() if not name.endswith("DATABASE_URL")}
    environment |= {"COLUMNS": "80", **more} | ({} if url is None else {"DATABASE_URL": url})
    process = await asyncio.create_subprocess_exec(
        *program,
        "verify",
        "--no-workflows",
        *flags,
        stdout=PIPE,
        stderr=PIPE,
        env=environment,
        cwd=Path(__file__).parents[2],
    )
    out, err = await process.communicate()
    return Run(process.returncode, out.decode(), err.decode())


def without(package: str) -> tuple[str, ...]:
    """The program where a package is not installed."""
    return (sys.executable, "-c", f"import sys; sys.modules[{package!r}] = None; import cli; cli.main()")


async def change(owner_dsn: str, statement: bytes, *values: str) -> None:
    """Change rows behind the back of every guard."""
    async with await psycopg.AsyncConnection.connect(owner_dsn) as connection:
        await connection.execute("SET session_replication_role = replica")
        assert (await connection.execute(statement, values)).rowcount == 1


@pytest.fixture
def url(postgres: Postgres, database_name: str) -> str:
    """The application's login: what a deployment has in DATABASE_URL."""
    return postgres.app_dsn_of(database_name)


@pytest_asyncio.fixture
async def trade(database: Database) -> AsyncIterator[Trade]:
    """A completed and a paid order."""
    trade = Trade(database)
    await trade.open()
    for name in ("completed", "paid"):
        await trade.pay(name, captured, authorized=True, captured=True)
    await trade.deliver("completed")
    yield trade


@pytest.fixture
def stripe() -> Iterator[Sandbox]:
    with open_sandbox() as opened:
        yield opened


def charge(stripe: Sandbox, order_id: str) -> None:
    paid(stripe.client(), order_id, amount=TOTAL, currency="usd")


@pytest_asyncio.fixture
async def charged(trade: Trade, stripe: Sandbox) -> Sandbox:
    """A simulator that took the money of both orders."""
    for order_id in trade.orders.values():
        await asyncio.to_thread(charge, stripe, order_id)
    return stripe


def row_of(invariant: Invariant, table: str) -> list[str]:
    """The cells of an invariant's row."""
    lines = [[cell.strip() for cell in line.split("│")] for line in table.splitlines()]
    return next(line[2:-1] for line in lines if line[1:2] == [invariant])


async def test_sound_books_are_right_without_a_provider(trade: Trade, url: str) -> None:
    run = await verify(url)

    assert (run.status, run.err) == (0, ""), run
    assert run.out.splitlines()[-1] == (
        f"The books are right: {OWN} invariants hold in our own books; neither a provider nor Temporal was asked."
    )
    assert row_of(Invariant.ONE_PAYMENT_PER_ORDER, run.out) == [f"{len(trade.orders)} orders", "0"]
    # Placed twice, confirmed twice; shipped, delivered, completed once.
    assert row_of(Invariant.EVENTS_LEGAL, run.out) == ["7 order events", "0"]
    assert {each for each in Invariant if row_of(each, run.out)[0] == "not checked"} == PROVIDER_ONLY | TEMPORAL_ONLY


@pytest.mark.usefixtures("trade")
async def test_sound_books_are_right_for_a_machine(url: str) -> None:
    run = await verify(url, "--json")

    assert (run.status, run.err) == (0, ""), run
    assert json.loads(run.out) == {"checked": OWN, "breaches": [], "provider": False, "workflows": False}


async def test_sound_books_agree_with_the_simulator(charged: Sandbox, url: str) -> None:
    run = await verify(url, "--json", "--stripe-truth", f"{charged.url}/_sandbox/state")

    assert (run.status, run.err) == (0, ""), run
    assert json.loads(run.out) == {"checked": ROWS, "breaches": [], "provider": True, "workflows": False}


async def test_people_see_how_much_was_compared_with_the_simulator(charged: Sandbox, url: str) -> None:
    run = await verify(url, "--stripe-truth", charged.url)

    assert (run.status, run.err) == (0, ""), run
    assert run.out.splitlines()[-1] == (
        f"The books are right: {ROWS} invariants hold against the provider's truth; Temporal was not asked."
    )
    assert row_of(Invariant.KNOWN_TO_US, run.out) == ["2 payments there", "0"]
    assert run.out.count("not checked") == len(TEMPORAL_ONLY)


async def test_what_the_simulator_knows_otherwise_is_a_breach(charged: Sandbox, trade: Trade, url: str) -> None:
    await asyncio.to_thread(charge, charged, trade.orders["paid"])

    run = await verify(url, "--json", "--stripe-truth", charged.url)

    assert run.status == 1, run
    assert {each["invariant"] for each in json.loads(run.out)["breaches"]} == {
        Invariant.CHARGED_ONCE,
        Invariant.SAME_AMOUNTS,
        Invariant.CLEARING_AT_PROVIDER,
    }


async def test_a_broken_row_is_named_to_a_machine(trade: Trade, url: str, owner_dsn: str) -> None:
    await change(owner_dsn, b"UPDATE stock SET held = held + 1")

    run = await verify(url, "--json")

    # The paid order holds two pieces.
    breach = {"invariant": "stock_held", "subject": trade.product, "sentence": "Held are 3, its holds make 2."}
    assert (run.status, run.err) == (1, ""), run
    assert json.loads(run.out) == {"checked": OWN, "breaches": [breach], "provider": False, "workflows": False}


async def test_a_broken_row_is_named_to_people_on_one_line(trade: Trade, url: str, owner_dsn: str) -> None:
    order_id = trade.orders["paid"]
    await change(owner_dsn, b"DELETE FROM events WHERE subject = %s AND type = 'order.placed'", order_id)

    run = await verify(url)

    *_, breach, last = run.out.splitlines()
    assert (run.status, run.err) == (1, ""), run
    assert breach == (
        f"  placed_logged {order_id}: Its events should begin with the one order.placed: order.confirmed."
    )
    assert last == (
        f"Something is off: 1 of {OWN} invariants are broken in our own books; "
        "neither a provider nor Temporal was asked."
    )
    assert row_of(Invariant.PLACED_LOGGED, run.out) == ["2 orders", "1"]


@pytest.mark.parametrize("flags", [(), ("--json",)])
async def test_a_database_out_of_reach_is_one_sentence_without_its_password(flags: tuple[str, ...]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]

    run = await verify(f"postgresql://holdfast_app:hush@127.0.0.1:{port}/holdfast", *flags)

    assert run == Run(2, "", "The database could not be read: Connection refused.\n")


async def test_a_database_that_does_not_let_us_in_is_one_sentence(postgres: Postgres) -> None:
    run = await verify(postgres.app_dsn_of("no_such"))

    assert run == Run(2, "", 'The database could not be read: database "no_such" does not exist.\n')


async def test_a_database_without_our_tables_is_one_sentence(postgres: Postgres) -> None:
    run = await verify(postgres.owner_dsn_of("postgres"))

    assert (run.status, run.out) == (2, "")
    assert run.err.startswith('The database could not be read: relation "'), run.err
    assert run.err.count("\n") == 1, run.err


@pytest.mark.parametrize("url", ["hush", "postgresql://app:hush/1@127.0.0.1:hush/x"])
async def test_an_address_that_is_none_is_not_repeated(url: str) -> None:
    run = await verify(url)

    assert run == Run(2, "", "The database could not be read: DATABASE_URL is not the address of one.\n")


async def test_missing_settings_are_named() -> None:
    run = await verify(None)

    assert run == Run(2, "", "The settings could not be read: missing: DATABASE_URL.\n")


async def test_settings_that_can_not_be_parsed_are_named_without_their_value(url: str) -> None:
    run = await verify(url, HOLDFAST_STRIPE_WEBHOOK_SECRETS="hush")

    assert (run.status, run.out) == (2, "")
    assert "stripe_webhook_secrets" in run.err
    assert "hush" not in run.err
    assert run.err.count("\n") == 1, run.err


@pytest.mark.usefixtures("trade")
@pytest.mark.parametrize(
    ("path", "why"),
    [("/v1/nowhere", "the simulator answered 404"), ("/_sandbox/requests?", "the answer is not a simulator's state")],
)
async def test_something_else_than_a_simulator_is_no_truth(url: str, stripe: Sandbox, path: str, why: str) -> None:
    run = await verify(url, "--stripe-truth", stripe.url + path)

    assert run == Run(2, "", f"The provider's truth could not be read: {why}.\n")


@pytest.mark.usefixtures("trade")
@pytest.mark.parametrize("address", ["http://127.0.0.1:{port}", "http://127.0.0.1:hush"])
async def test_a_simulator_out_of_reach_is_one_sentence(url: str, address: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]

    run = await verify(url, "--stripe-truth", address.format(port=port))

    assert (run.status, run.out) == (2, "")
    assert run.err.startswith("The provider's truth could not be read: no simulator answers there ("), run.err
    assert run.err.count("\n") == 1, run.err


@pytest.mark.usefixtures("trade")
@pytest.mark.parametrize("package", ["sandbox", "httpx2"])
async def test_our_own_books_need_no_sandbox(url: str, package: str) -> None:
    ours = await verify(url, "--json", program=without(package))
    compared = await verify(url, "--json", "--stripe-truth", "http://127.0.0.1:9", program=without(package))

    assert ours.status == 0, ours
    why = f"the package {package} is not installed: install holdfast[sandbox]"
    assert compared == Run(2, "", f"The provider's truth could not be read: {why}.\n")


def test_every_invariant_says_what_it_looks_at() -> None:
    assert set(LOOKED_AT) == set(Invariant)
