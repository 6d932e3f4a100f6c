"""The command line as an operator uses it: in a process of its own, beside a system that runs."""

from pathlib import Path

import psycopg
import pytest
from google.protobuf.duration_pb2 import Duration
from sqlalchemy import update
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest, RegisterNamespaceRequest
from temporalio.service import RPCError, RPCStatusCode

from db.passwords import hash_password
from db.tables import Account
from domain.orders import Role
from sandbox.ready import Temporal
from tests.support.arena import Arena, eventually
from tests.support.shell import Run, Shell, shell_beside
from workflows import names

HISTORY = Path(__file__).parents[1] / "replay" / "histories" / "order_completed.json"
PASSWORD = "correct horse battery staple"
NOBODY_LISTENS = "127.0.0.1:1"


@pytest.fixture
def shell(arena: Arena, temporal: Temporal) -> Shell:
    return shell_beside(arena, temporal)


def states(run: Run) -> dict[str, str]:
    return {each["what"]: each["state"] for each in run.document}


async def test_the_doctor_finds_everything_in_order_where_it_is(shell: Shell) -> None:
    swept, again = await shell.run("sweep"), await shell.run("sweep", "--json")
    assert (swept.status, swept.out) == (0, "Started: sweep/orders, audit.\n")
    assert again.document == {"started": ["sweep/orders", "audit"]}

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
    again = await shell.run(*asked, "--keep", "--json", HOLDFAST_TEST_PASSWORD=PASSWORD)
    refused = await shell.run(*asked, HOLDFAST_TEST_PASSWORD="not the password at all")

    assert bought.status == 0, bought
    assert "The test order went as it should." in bought.out
    orders = (await arena.get("/v1/orders"))["data"]
    assert [(each["status"], each["payment_status"]) for each in orders] == [
        ("confirmed", "authorized"),
        ("cancelled", "cancelled"),
    ]
    assert again.document == {"order_id": orders[0]["id"], "payment_status": "authorized"}
    assert refused.status == 1
    assert "credentials_wrong" in refused.err


async def test_histories_are_replayed_on_this_code(arena: Arena, shell: Shell, tmp_path: Path) -> None:
    order = (await arena.place(await arena.product())).json()["id"]
    changed = tmp_path / "changed.json"
    changed.write_text(HISTORY.read_text().replace('"payments.authorize"', '"payments.something_else"'))

    running = await shell.run("replay")
    named = await shell.run("replay", str(HISTORY), f"order/{order}")
    other = await shell.run("replay", str(changed))
    (tmp_path / "more").mkdir()
    same_name = tmp_path / "more" / "changed.json"
    same_name.write_text(changed.read_text())
    told = await shell.run("replay", str(HISTORY), str(changed), str(same_name), "--json")

    assert (running.status, named.status) == (0, 0), (running, named)
    assert "1 histories replayed, 0 do not fit this code." in running.out
    assert "2 histories replayed" in named.out
    assert other.status == 1
    assert "1 do not fit this code." in other.out
    assert (told.status, told.document["histories"], [each["workflow_id"] for each in told.document["misfits"]]) == (
        1,
        3,
        ["changed"] * 2,
    )


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


async def test_seeding_tells_who_may_log_in_and_adds_products_once(arena: Arena, shell: Shell) -> None:
    async def seed(*options: str, **more: str) -> Run:
        return await shell.run("seed", "--demo", *options, HOLDFAST_DEMO_PASSWORD=PASSWORD, **more)

    first, again = await seed("--json", FORCE_COLOR="1"), await seed()

    assert first.document["accounts"]["buyer"] == "buyer@example.com"
    listed = (await arena.get("/v1/products"))["data"]
    assert len(listed) == first.document["products"] > 0
    assert (
        again.out
        == "0 products were added; the accounts are buyer@example.com, seller@example.com, admin@example.com.\n"
    )


async def test_an_account_is_made_with_a_password_from_standard_input(arena: Arena, shell: Shell) -> None:
    asked = ("account", "create", "--role", "admin", "--email", "ops@example.com", "--name", "Ops")

    made = await shell.run(*asked, given=f"{PASSWORD}\n")
    again = await shell.run(*asked, given=f"{PASSWORD}\n")

    assert made.status == 0, made
    assert again.status == 1
    login = await arena.http.post("/v1/auth/login", json={"email": "ops@example.com", "password": PASSWORD})
    assert login.status_code == 200
