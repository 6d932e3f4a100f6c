"""`holdfast reconcile` after a restore: what moved at the provider that the backup knows nothing of."""

import asyncio
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from sqlalchemy import select

from db.books_since import Unsettled, unsettled
from db.ids import new_id
from db.tables import Payment
from domain.orders import Role
from providers.stripe import NAME as STRIPE
from sandbox.ready import Temporal
from tests.support.arena import Arena, eventually
from tests.support.shell import Shell, shell_beside


@pytest.fixture
def shell(arena: Arena, temporal: Temporal) -> Shell:
    return shell_beside(arena, temporal)


async def test_what_the_database_lost_is_told(arena: Arena, shell: Shell) -> None:
    kept = (await arena.place(await arena.product())).json()["id"]
    lost, free = new_id("ord"), await _free_order(arena)
    since = (datetime.now(UTC) - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%S")
    agreed = await shell.run("reconcile", "--since", since)
    for order in (lost, free):
        arena.stripe.client().v1.payment_intents.create(
            {
                "amount": 500,
                "currency": "usd",
                "payment_method": "pm_card_visa",
                "confirm": True,
                "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
                "metadata": {"order_id": order},
            }
        )

    differs = await shell.run("reconcile", "--since", since, "--json", "--report")

    assert (agreed.status, agreed.err) == (0, ""), agreed
    assert differs.status == 1
    assert {(each["subject"], each["invariant"]) for each in differs.document["differences"]} == {
        (lost, "known_to_us"),
        (free, "known_to_us"),
    }
    assert set(await arena.incidents()) == {("money_moved_outside", lost), ("money_moved_outside", free)}
    assert (await arena.order(kept))["status"] == "confirmed"


async def test_what_became_of_older_payments_is_told(arena: Arena, shell: Shell) -> None:
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

    differs, again = await shell.run(*asked, "--report"), await shell.run(*asked, "--report")

    assert (agreed.status, agreed.document["differences"]) == (0, []), agreed
    assert {each["subject"] for each in differs.document["differences"]} == {order["id"]}
    [incident] = (await arena.get("/v1/incidents", Role.ADMIN))["data"]
    assert {word for word in ("authorized", "captured") if word in incident["details"]} == {"authorized", "captured"}
    assert f"{order['id']} has an open incident already" in again.err


async def test_money_that_nobody_had_an_answer_about_at_the_backup_is_told(
    arena: Arena, shell: Shell, owner_dsn: str
) -> None:
    order = (await arena.placed(await arena.product())).json()["id"]
    await arena.stop_workers()
    async with await psycopg.AsyncConnection.connect(owner_dsn) as connection:
        await connection.execute("UPDATE payment_operations SET state = 'unknown', reference = NULL")
        await connection.execute(
            "UPDATE payments SET status = 'unknown', reference = NULL, created = created + %s", [timedelta(seconds=2)]
        )
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


@pytest.mark.parametrize(
    ("status", "days", "asked"), [("completed", 29, 1), ("completed", 31, 0), ("processing", 60, 1)]
)
async def test_a_refund_is_asked_about_while_it_is_under_way_and_for_a_month_after_its_end(
    arena: Arena, owner_dsn: str, status: str, days: int, asked: int
) -> None:
    order = (await arena.placed(await arena.product())).json()["id"]
    await arena.insist(order, "cancel")
    await arena.until(order, payment_status="refunded")
    await arena.stop_workers()
    async with await psycopg.AsyncConnection.connect(owner_dsn) as connection:
        ended = "UPDATE refunds SET status = %s, updated = now() - make_interval(days => %s), created = created - %s"
        await connection.execute(ended, (status, days, timedelta(days=90)))

    found = await unsettled(arena.database, STRIPE, datetime.now(UTC))

    assert len(found.references) == asked


async def test_an_order_that_costs_nothing_is_no_payment_whose_answer_was_lost(arena: Arena) -> None:
    await _free_order(arena)
    since = datetime.now(UTC)

    assert await unsettled(arena.database, STRIPE, since) == Unsettled(since, [])


async def test_an_order_that_ended_unpaid_has_no_payment_whose_answer_was_lost(arena: Arena, owner_dsn: str) -> None:
    declined = (await arena.place(await arena.product(), card="pm_card_chargeDeclined")).json()["id"]
    await arena.insist(declined, "cancel")
    await arena.until(declined, status="cancelled")
    await arena.stop_workers()
    async with await psycopg.AsyncConnection.connect(owner_dsn) as connection:
        await connection.execute("UPDATE payments SET reference = NULL")
    since = datetime.now(UTC)

    assert await unsettled(arena.database, STRIPE, since) == Unsettled(since, [])


async def test_a_refund_that_was_under_way_at_the_backup_is_left_to_its_workflow(
    arena: Arena, shell: Shell, owner_dsn: str
) -> None:
    order = (await arena.placed(await arena.product())).json()["id"]
    await arena.insist(order, "cancel")
    await arena.until(order, payment_status="refunded")
    await arena.stop_workers()
    async with await psycopg.AsyncConnection.connect(owner_dsn) as connection:
        await connection.execute("UPDATE payment_operations SET state = 'unknown' WHERE kind = 'refund'")
        await connection.execute("UPDATE refunds SET status = 'processing'")
    since = datetime.now(UTC) + timedelta(seconds=1)

    agreed = await shell.run("reconcile", "--since", since.strftime("%Y-%m-%dT%H:%M:%S"), "--json")

    assert (agreed.status, agreed.document["differences"]) == (0, []), agreed


async def _free_order(arena: Arena) -> str:
    gift = {"code": "GIFT", "kind": "percentage", "percent": 100}
    assert (await arena.post("/v1/discounts", gift, Role.ADMIN)).status_code == 201
    placed = (await arena.place(await arena.product(), discount_code="GIFT", shipping_method="pickup")).json()
    assert placed["totals"]["total"]["amount"] == 0
    return str(placed["id"])


async def _references(arena: Arena) -> dict[str, str]:
    async with arena.database.transaction() as session:
        rows = await session.execute(select(Payment.order_id, Payment.reference))
        return {row.order_id: str(row.reference) for row in rows}
