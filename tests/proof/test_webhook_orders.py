"""The provider's webhooks in any order, number and company: each order ends as its commands say, charged once."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from random import Random

import pytest
import pytest_asyncio

from db.session import Database
from sandbox.ready import Temporal
from tests.proof.sizes import SEED, sized
from tests.support.held_mail import Mail
from tests.support.opening import free_listener, open_arena
from tests.support.stories import STORIES, Shop, Story, open_shop
from tests.support.stripe_sandbox import Inbox, open_inbox, open_sandbox

PERMUTATIONS = sized(4, 200)
PROVES = f"{PERMUTATIONS} permutations of each flow's webhooks"
TOGETHER = sized(4, 10)
FLOWS = ("automatic", "manual", "another_card", "at_the_bank", "cancelled_paid")
# What an order waits for that only the provider knows; a sweep finds out when nobody tells.
NEWS = "payment_intent.succeeded"
EVERY_FATE = {
    *("dropped", "duplicated", "late", "reordered", "at once", "beside a command"),
    *("forged", "stale", "foreign", "unknown", "lie"),
}


@dataclass
class Office:
    """A shop whose provider sends its webhooks to us, and what became of them."""

    shop: Shop
    inbox: Inbox
    fates: Counter[str] = field(default_factory=Counter)

    async def live(self, story: Story, seed: str) -> str:
        """The whole story among its webhooks; the order's id."""
        try:
            return await self._live(story, Random(seed))  # noqa: S311 - replayable on purpose
        except BaseException as problem:
            problem.add_note(f"seed {seed} of HOLDFAST_PROOF_SEED={SEED}")
            raise

    async def _live(self, story: Story, draws: Random) -> str:
        order = await self.shop.place(story, f"{draws.random()}")
        last = len(story.steps)
        mail = Mail(self.shop.arena, self.inbox, order, last, draws, self.fates)
        mail.slip_in()
        for moment, step in enumerate(story.steps):
            await mail.sort(moment)
            if story is STORIES["at_the_bank"] and mail.never_told(NEWS, moment):
                await self._sweep(order)
            if draws.random() < 0.5:
                self.fates["beside a command"] += 1
                await asyncio.gather(step(self.shop, order), mail.let_go(moment))
            else:
                await mail.let_go(moment)
                await step(self.shop, order)
        await self._end(order, story, mail)
        return order

    async def _sweep(self, order: str) -> None:
        """The order's webhooks were lost or are late: once is enough."""
        if (await self.shop.arena.order(order))["payment_status"] == "requires_action":
            self.fates["swept"] += 1
            await self.shop.swept(order)

    async def _end(self, order: str, story: Story, mail: Mail) -> None:
        """What comes after the end changes nothing."""
        await self.shop.ended(order, story)
        ended = await self.shop.arena.order(order)
        await mail.sort(mail.last)
        await mail.let_go(mail.last)
        await self.shop.ended(order, story)
        assert await self.shop.arena.order(order) == ended
        await mail.kept()


@pytest_asyncio.fixture
async def office(database: Database, temporal: Temporal) -> AsyncIterator[Office]:
    with open_inbox() as inbox, open_sandbox(inbox.url) as stripe:
        async with (
            open_arena(database, temporal, stripe, free_listener()) as arena,
            open_shop(arena, Random(SEED)) as shop,  # noqa: S311 - replayable on purpose
        ):
            yield Office(shop, inbox)


@pytest.mark.timeout(sized(120, 2400))
@pytest.mark.parametrize("flow", FLOWS)
async def test_an_order_ends_right_however_its_webhooks_come(office: Office, flow: str) -> None:
    story, told = STORIES[flow], dict[str, str]()
    for first in range(0, PERMUTATIONS, TOGETHER):
        seeds = [f"{SEED}/{flow}/{number}" for number in range(first, min(first + TOGETHER, PERMUTATIONS))]

        orders = await asyncio.gather(*(office.live(story, seed) for seed in seeds))

        told |= dict(zip(orders, seeds, strict=True))
        truth, findings = await office.shop.arena.audit()
        # Somebody else's sales are told too, and are nobody's matter here.
        assert {subject for _, subject in await office.shop.arena.incidents()} <= told.keys()
        assert {told[order]: money for order, money in truth.payments.items()} == dict.fromkeys(
            told.values(), story.money
        )
        assert findings == (), told
    assert +office.fates >= Counter(EVERY_FATE), "the seeds leave something out"
    assert (office.fates["swept"] > 0) == (flow == "at_the_bank")
