"""Plays every scenario on one ephemeral stack, one after the other, and judges the whole."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial

import httpx2

from sandbox.banner import Banner
from sandbox.demo.client import Refused, open_shop
from sandbox.demo.mishaps import READ_TIMEOUT_SECONDS, answer_lost, worker_killed
from sandbox.demo.payments import PAYMENT_DEADLINE_SECONDS, another_card, asked_by_the_bank, never_paid, webhook_lost
from sandbox.demo.provider import Provider
from sandbox.demo.sales import (
    cancelled_with_refund,
    captured_at_shipping,
    one_of_two_sellers,
    oversell_refused,
    paid_automatically,
    reduced_by_a_code,
)
from sandbox.demo.show import Show, open_console
from sandbox.demo.verdict import Played, judge
from sandbox.demo.waiting import NotAsExpected
from sandbox.demo.world import Scenario, World
from sandbox.stack import Stack, StackOptions, _until_told_to_stop, running_stack

SCENARIOS = (
    Scenario("Paid automatically, shipped, delivered", paid_automatically),
    Scenario("Manual capture at shipping", captured_at_shipping),
    Scenario("The provider's answer is lost", answer_lost),
    Scenario("The worker is killed mid-payment", worker_killed),
    Scenario("Cancelled after payment", cancelled_with_refund),
    Scenario("Two orders, one piece", oversell_refused),
    Scenario("A discount code", reduced_by_a_code),
    Scenario("Two sellers, one calls off", one_of_two_sellers),
    Scenario("Declined, then another card", another_card),
    Scenario("3-D Secure at the buyer's bank", asked_by_the_bank),
    Scenario("A webhook is lost", webhook_lost, long=True),
    Scenario("Never paid", never_paid, long=True),
)

INTERRUPTED = 130


async def demo(*, keep: bool = False) -> int:
    """The exit status: 0 when everything is right, 1 when anything is off, 130 when stopped before the verdict.

    Raises StackError when the stack does not come up or can't be kept up.
    """
    console = open_console()
    banner, show = Banner(console), Show(console, len(SCENARIOS))
    options = StackOptions(
        ephemeral=True,
        free_ports=True,
        environment={
            "HOLDFAST_STRIPE_READ_TIMEOUT": str(READ_TIMEOUT_SECONDS),
            "HOLDFAST_PAYMENT_DEADLINE_SECONDS": str(PAYMENT_DEADLINE_SECONDS),
        },
    )
    status = INTERRUPTED
    banner.starting("a temporary directory")
    async with _until_told_to_stop(banner.stopping), running_stack(options, notify=banner.notice) as stack:
        async with _world(stack) as world:
            played = await _play(SCENARIOS, world, show)
            verdict = await judge(played, stack.ready, await world.provider.truth())
        show.end(verdict)
        status = 0 if verdict.right else 1
        if keep:
            banner.welcome(stack.ready, stack.logs)
            await asyncio.Event().wait()
    return status


@asynccontextmanager
async def _world(stack: Stack) -> AsyncIterator[World]:
    async with (
        open_shop(stack.ready) as shop,
        httpx2.AsyncClient(base_url=stack.ready.stripe) as http,
    ):
        yield World(
            shop=shop,
            provider=Provider(http),
            stack=stack,
            products=await shop.products(),
            tell=lambda _: None,
        )


async def _play(scenarios: Sequence[Scenario], world: World, show: Show) -> list[Played]:
    playing: dict[int, asyncio.Task[Played]] = {}

    def begin(number: int, scenario: Scenario) -> asyncio.Task[Played]:
        if number not in playing:
            tell = partial(show.tell, number, scenario.name)
            playing[number] = asyncio.create_task(_played(scenario, replace(world, tell=tell)))
        return playing[number]

    numbered = list(enumerate(scenarios, start=1))
    for number, scenario in numbered:
        if scenario.long:
            begin(number, scenario)
    every = []
    try:
        for number, scenario in numbered:
            with show.under_way(number, scenario.name):
                every.append(await begin(number, scenario))
            show.played(number, every[-1])
    finally:
        for task in playing.values():
            task.cancel()
    return every


async def _played(scenario: Scenario, world: World) -> Played:
    clock = asyncio.get_running_loop().time
    since = clock()
    try:
        ending = await scenario.play(world)
    except Exception as failure:  # noqa: BLE001 - whatever it fails with is its result; the others are still played
        sentence = str(failure) if isinstance(failure, NotAsExpected | Refused) else repr(failure)
        return Played(scenario.name, clock() - since, failure=sentence)
    return Played(scenario.name, clock() - since, ending=ending)
