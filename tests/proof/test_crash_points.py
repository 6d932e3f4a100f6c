"""A worker killed before and after the effect of every activity it has: each order ends as if nothing had been."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from itertools import cycle, islice
from pathlib import Path
from random import Random
from uuid import uuid4

import pytest
import pytest_asyncio
from sqlalchemy import select
from temporalio.activity import _Definition

import worker as workers
from db.tables import Mail
from domain.mails import MailKind, MailState
from sandbox.ports import LOOPBACK
from sandbox.postgres import Postgres
from sandbox.ready import Temporal
from settings import Settings
from tests.proof.sizes import FULL, SEED, sized
from tests.support.arena import Arena, eventually
from tests.support.mail_side import MailSide, mail_side
from tests.support.stories import ON_HAND, STORIES, Shop, open_shop
from tests.support.worker_processes import Hatchery, hatching

RUNS = sized(1, 20)
# How many of the two moments are met in one run: by turns, in the small size.
MOMENTS = sized(1, 2)
PROVES = f"{RUNS} kills {'before and after' if FULL else 'before or after'} every activity's effect, each seen to hit"
UNSENT, LEASED = {MailState.WAITING, MailState.SENDING}, timedelta(minutes=2)
# How long a placing call waits for a worker, before it is repeated; and how long callers repeat while workers die.
BUDGET_SECONDS, PATIENCE_SECONDS = 2.0, 900.0

# The stories that reach each activity, in turn. First come those whose killed call waits long for its time-out.
REACHED_BY = {
    "sweep.orders": ("found_by_a_sweep",),
    "mails.collect": ("mailed",),
    "mails.send": ("mailed",),
    "audit.books": ("looked_over",),
    "audit.roll": ("looked_over",),
    "payments.authorize": ("automatic", "manual", "another_card", "at_the_bank"),
    "payments.refund": ("cancelled_paid",),
    "payments.void": ("cancelled_held", "expired"),
    "payments.capture": ("manual",),
    "payments.read": ("at_the_bank",),
    "payments.read_refund": ("refunded_later",),
    "repair.report": ("mistaken",),
    "repair.record_hold": ("held",),
    "orders.place": ("automatic", "expired"),
    "attempts.record": ("automatic", "at_the_bank", "another_card"),
    "attempts.open": ("another_card",),
    "parts.call_off": ("part_refunded", "part_released"),
    "cancellation.begin": ("cancelled_paid", "cancelled_held", "expired"),
    "cancellation.record_void": ("cancelled_held", "expired"),
    "cancellation.finish": ("expired", "cancelled_paid", "cancelled_held"),
    "refunds.record": ("cancelled_paid",),
    "fulfilment.begin_shipment": ("manual", "automatic"),
    "fulfilment.ship": ("automatic", "manual"),
    "fulfilment.deliver": ("manual", "automatic"),
    "orders.complete": ("automatic", "manual"),
}


@pytest_asyncio.fixture
async def post(arena: Arena) -> AsyncIterator[MailSide]:
    """Where the workers' mails go."""
    async with mail_side(arena.database) as side:
        yield side


@pytest_asyncio.fixture
async def hatchery(
    postgres: Postgres, database_name: str, temporal: Temporal, arena: Arena, post: MailSide, scratch: Path
) -> AsyncIterator[Hatchery]:
    """What starts the arena's workers as processes; those inside the test are stopped."""
    await arena.stop_workers()
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("TEMPORAL_", "HOLDFAST_"))}
    environment = {
        "DATABASE_URL": postgres.app_dsn_of(database_name),
        "HOLDFAST_DATABASE_POOL_SIZE": "5",
        "HOLDFAST_MAIL_FROM": "shop@holdfast.example",
        "HOLDFAST_SMTP_HOST": LOOPBACK,
        "HOLDFAST_SMTP_PORT": str(post.port),
        "HOLDFAST_SMTP_TLS": "none",
        "HOLDFAST_STRIPE_API_BASE": arena.stripe.url,
        "HOLDFAST_STRIPE_API_KEY": "sk_test_arena",
        "TEMPORAL_ADDRESS": temporal.address,
        "TEMPORAL_NAMESPACE": temporal.namespace,
        "TEMPORAL_CONFIG_FILE": os.devnull,
    }
    async with hatching({**inherited, **environment}, scratch / f"crashes-{uuid4()}") as opened:
        yield opened


@pytest_asyncio.fixture
async def shop(arena: Arena) -> AsyncIterator[Shop]:
    arena.answer_within(BUDGET_SECONDS)
    async with open_shop(arena, Random(SEED), PATIENCE_SECONDS) as opened:  # noqa: S311 - replayable on purpose
        yield opened


@pytest.mark.timeout(sized(600, 2400))
@pytest.mark.parametrize("run", range(RUNS))
async def test_a_worker_killed_anywhere_leaves_every_order_right(
    shop: Shop, hatchery: Hatchery, post: MailSide, run: int
) -> None:
    assert registered(shop.arena, post) == set(REACHED_BY), (
        "an activity without a story, or a story without its activity"
    )

    told = await orders_while_crashing(shop, hatchery, run)

    truth, findings = await shop.arena.audit()
    assert truth.payments == {order: STORIES[story].money for order, story in told.items()}
    assert findings == ()
    assert len(told) == MOMENTS * len(REACHED_BY)
    assert await shop.incidents() == {order for order, story in told.items() if STORIES[story].attention}
    sold = sum(STORIES[story].sold for story in told.values())
    assert (await shop.arena.get(f"/v1/products/{shop.product}"))["stock"] == ON_HAND - sold
    parts = sum(STORIES[story].in_parts for story in told.values())
    assert (await shop.arena.get(f"/v1/products/{shop.product_of_another}"))["stock"] == ON_HAND - parts
    assert await confirmed_by_mail(shop, post) >= {order for order, story in told.items() if story == "mailed"}


def test_no_worker_crashes_unless_it_is_told_to(tmp_path: Path) -> None:
    told = {"database_url": "postgresql://nowhere", "crash_mark": tmp_path / "mark"}

    assert workers.crash_points(Settings.model_validate(told)) == []
    assert len(workers.crash_points(Settings.model_validate({**told, "crash_point": "orders.place.after"}))) == 1


def registered(arena: Arena, post: MailSide) -> set[str | None]:
    """Every activity of every worker, by its name in Temporal."""
    built = workers.all_workers(arena.temporal, arena.database, arena.providers, post.steps)
    return {_Definition.must_from_callable(each).name for one in built for each in one.config()["activities"]}


async def confirmed_by_mail(shop: Shop, post: MailSide) -> set[str]:
    """The orders whose confirmation was sent; every mail that counts as sent has come, and none that is unknown.

    One whose sender was killed in between is taken up again when its lease is over: it comes twice under one id, or is
    dropped, although it came, when it is no news by then.
    """
    await shop.mailed("all")

    async def all_sent() -> list[Mail] | None:
        # As it is when every lease is over.
        await post.send(later=LEASED)
        async with shop.arena.database.transaction() as session:
            known = list(await session.scalars(select(Mail)))
        return None if any(each.state in UNSENT for each in known) else known

    known = await eventually(all_sent, pause=0.5, why="not every mail was sent")
    sent = [each for each in known if each.state is MailState.SENT]
    assert {each.state for each in known} <= {MailState.SENT, MailState.DROPPED}
    came = {told.strip("<>").partition("@")[0] for told in post.ids()}
    assert {each.id for each in sent} <= came <= {each.id for each in known}
    return {each.order_id for each in sent if each.kind is MailKind.ORDER_CONFIRMED}


def rounds(run: int) -> Iterator[tuple[str, str]]:
    """Each point with the story that shall reach it, another in every run."""
    for turn, (activity, stories) in enumerate(REACHED_BY.items(), start=run + SEED):
        for number, moment in islice(cycle(enumerate(("before", "after"))), turn % 2, turn % 2 + MOMENTS):
            yield f"{activity}.{moment}", stories[(run + number) % len(stories)]


async def orders_while_crashing(shop: Shop, hatchery: Hatchery, run: int) -> dict[str, str]:
    """The stories of the orders that were sold meanwhile; all have ended.

    A round is over when its worker is dead: what it left behind goes on under the workers of the next ones.
    """
    told = []
    shop.peace.clear()
    async with asyncio.TaskGroup() as group:
        for point, story in rounds(run):
            worker = await hatchery.start(point)
            told.append((group.create_task(shop.live(STORIES[story], point), name=point), story))
            await worker.killed()
        # It has the last point too, and finds the mark there.
        await hatchery.start(point)
        shop.peace.set()
    return {task.result(): story for task, story in told}
