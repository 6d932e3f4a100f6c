"""Two things at once on one order: one of them happens, the other is told why not, money and stock are exact."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from math import inf
from typing import Any

import httpx2
import pytest

from domain.orders import Role
from tests.proof.sizes import FULL, SEED, sized
from tests.support.arena import Arena, eventually
from tests.support.races import (
    IN_TURN,
    SOLD,
    Command,
    End,
    TemporalCancel,
    all_of,
    apart,
    bring_to_its_end,
    expect_exact,
    moments,
    refunded,
    released,
    unpaid,
)

RACES = sized(4, 100)
PROVES = f"{RACES} races of each pair" + (", every outcome seen" if FULL else "")
ON_HAND = 1000
# How long after the first the second starts: about as long as one takes, before or after; and longer on a machine that
# is at its limit.
APART_SECONDS = (-0.08, 0.08)
SLOWER = (1, 1, 5)
DEADLINE_SECONDS = 2
# How many orders have two causes waiting for one payment at the same time: few, so that all are paid for in time.
WAITING = 4
WAITING_SECONDS = 5
HOUR_SECONDS = 3600
# The order hears of the bank's yes after a while, and may be over by then.
HEARD_AFTER_MS = 300

BUSY = "order_busy"
CANCEL = Command("cancel", Role.BUYER, frozenset({BUSY, "order_closed", "order_not_cancellable"}))
CANCEL_AGAIN = Command("cancel", Role.BUYER, frozenset({BUSY, "order_closed"}))
SHIP = Command("ship", Role.SELLER, frozenset({BUSY, "order_closed"}))
SHIP_AGAIN = Command("ship", Role.SELLER, frozenset({BUSY, "order_not_shippable"}))
DELIVER = Command("deliver", Role.BUYER, frozenset())
CANCEL_LATER = Command("cancel", Role.BUYER, frozenset({BUSY}), later=True)
PAY = Command("pay", Role.BUYER, frozenset({BUSY, "order_closed"}))


@dataclass(frozen=True, slots=True)
class Pair:
    """Two causes, by name, and what the order comes to when what is so named is what happened."""

    first: tuple[str, Command]
    second: tuple[str, Command | TemporalCancel]
    ends: Mapping[str, End]
    placed: Mapping[str, Any] = field(default_factory=dict)
    shipped: bool = False
    apart: tuple[float, float] = APART_SECONDS

    async def ready(self, arena: Arena, product: str) -> str:
        placed = await arena.placed(product, **self.placed)
        assert placed.status_code == 201, placed.text
        order: str = placed.json()["id"]
        if self.shipped:
            shipped = await arena.insist(order, "ship", Role.SELLER)
            assert shipped.status_code == 200, shipped.text
        return order

    async def run(self, arena: Arena, product: str, seconds: float) -> str:
        """The name of the cause that happened, once the order has come to the end that it names."""
        order, keys = await self.ready(arena, product), (str(uuid.uuid4()), str(uuid.uuid4()))
        (one, first), (other, second) = self.first, self.second
        answers = await apart(
            partial(first.say, arena, order, keys[0]), partial(second.say, arena, order, keys[1]), seconds
        )

        happened = [one] if await first.won(arena, order, keys[0], answers[0]) else []
        if isinstance(second, Command):
            assert isinstance(answers[1], httpx2.Response)
            happened += [other] if await second.won(arena, order, keys[1], answers[1]) else []
        winner = " and ".join(happened or [other])
        assert winner in self.ends, f"{winner} happened to {order}"
        await bring_to_its_end(arena, order)
        await self.ends[winner].reached(arena, order)
        return winner


PAIRS = {
    "a cancellation and a shipment": Pair(
        ("cancelled", CANCEL), ("shipped", SHIP), {"cancelled": refunded(), "shipped": SOLD}
    ),
    "a cancellation and a capture": Pair(
        ("cancelled", CANCEL), ("captured", SHIP), {"cancelled": released(), "captured": SOLD}, {"capture": "manual"}
    ),
    "a buyer's and an operator's cancellation": Pair(
        ("requested", CANCEL_AGAIN),
        ("operator", TemporalCancel()),
        {"requested": refunded(), "operator": refunded("operator")},
        # Temporal hears of the one at once, of the other through the API.
        apart=(-0.05, 0.25),
    ),
    "a delivery and a cancellation": Pair(
        ("delivered", DELIVER), ("cancelled", CANCEL), {"delivered": SOLD}, shipped=True
    ),
    "two cancellations": Pair(
        ("first", CANCEL_AGAIN), ("second", CANCEL_AGAIN), {"first": refunded(), "second": refunded()}
    ),
    "another card and a cancellation": Pair(
        ("paid", PAY),
        ("cancelled", CANCEL_LATER),
        {"paid and cancelled": refunded(), "cancelled": unpaid("requested")},
        {"card": "pm_card_chargeDeclined"},
    ),
    "two shipments": Pair(("first", SHIP_AGAIN), ("second", SHIP_AGAIN), {"first": SOLD, "second": SOLD}),
}


@pytest.mark.timeout(sized(120, 2400))
@pytest.mark.parametrize("name", PAIRS)
async def test_one_of_two_happens_and_the_other_is_told_why_not(arena: Arena, name: str) -> None:
    pair, product, seed = PAIRS[name], await arena.product(on_hand=ON_HAND), f"{SEED} of {name}"
    apart_by = moments(seed, RACES, lambda draws: draws.uniform(*pair.apart) * draws.choice(SLOWER))

    winners = await all_of(seed, [partial(pair.run, arena, product, each) for each in (*IN_TURN, *apart_by)])

    assert set(winners[: len(IN_TURN)]) == set(pair.ends)
    assert not FULL or set(winners[len(IN_TURN) :]) == set(pair.ends), seed
    await expect_exact(arena, product, ON_HAND, [pair.ends[winner] for winner in winners])


async def pay_with_another_card(arena: Arena, order: Mapping[str, Any]) -> str:
    key = str(uuid.uuid4())
    answer = await PAY.say(arena, order["id"], key)
    return "paid" if await PAY.won(arena, order["id"], key, answer) else "expired"


async def confirm_at_the_bank(arena: Arena, order: Mapping[str, Any]) -> str:
    """The bank is told to pay; it may have been told before that the order is over."""
    intent = order["next_action"]["client_secret"].partition("_secret_")[0]
    bank = await asyncio.to_thread(arena.stripe.challenge, intent, "succeed")
    if bank.status_code == 409:
        return "expired"
    assert bank.status_code == 200, bank.text

    async def decided() -> str:
        status: str = (await arena.order(order["id"]))["status"]
        return {"confirmed": "paid", "cancelled": "returned"}.get(status, "")

    came: str = await eventually(decided)
    return came


@dataclass(frozen=True, slots=True)
class Late:
    """A buyer whose first try fails or waits, and who pays at about the deadline; by name, what may come of it.

    `around` is from when to when, in seconds after the deadline: Temporal's timers may fire a second late.
    """

    card: str
    pay: Callable[[Arena, Mapping[str, Any]], Awaitable[str]]
    around: tuple[float, float]
    ends: Mapping[str, End]

    async def run(self, arena: Arena, product: str, seconds: float) -> str:
        """What came of paying so many seconds after the deadline; infinity is at once, or when the order is over."""
        order = (await arena.placed(product, card=self.card)).json()
        assert (order["status"], order["payment_status"]) in {("pending", "failed"), ("pending", "requires_action")}
        if seconds == inf:
            await arena.until(order["id"], status="cancelled")
        elif seconds > -inf:
            due = datetime.fromisoformat(order["created"]).timestamp() + DEADLINE_SECONDS + seconds
            await asyncio.sleep(max(0.0, due - datetime.now(UTC).timestamp()))

        came = await self.pay(arena, order)

        await bring_to_its_end(arena, order["id"])
        await self.ends[came].reached(arena, order["id"])
        return came


LATE = {
    "another card": Late(
        "pm_card_chargeDeclined", pay_with_another_card, (-0.3, 1.2), {"paid": SOLD, "expired": unpaid()}
    ),
    "a confirmation at the bank": Late(
        "pm_card_authenticationRequired",
        confirm_at_the_bank,
        (-0.7, 1.2),
        {"paid": SOLD, "expired": unpaid(), "returned": refunded("expired")},
    ),
}


@pytest.mark.timeout(sized(120, 2400))
@pytest.mark.parametrize("name", LATE)
async def test_a_payment_at_the_deadline_is_taken_in_time_or_not_kept(arena: Arena, name: str) -> None:
    late, product, seed = LATE[name], await arena.product(on_hand=ON_HAND), f"{SEED} of {name}"
    arena.stripe.script(webhooks={"delay_ms": HEARD_AFTER_MS})
    at = moments(seed, RACES, lambda draws: draws.uniform(*late.around))

    arena.rule(payment_deadline=HOUR_SECONDS)
    in_time = await late.run(arena, product, -inf)
    arena.rule(payment_deadline=DEADLINE_SECONDS)
    too_late, *came = await all_of(seed, [partial(late.run, arena, product, seconds) for seconds in (inf, *at)])

    assert (in_time, too_late) == ("paid", "expired")
    assert not FULL or set(came) == set(late.ends), seed
    await expect_exact(arena, product, ON_HAND, [late.ends[each] for each in (in_time, too_late, *came)])


async def end_twice_during_a_payment(arena: Arena, product: str) -> End:
    """The deadline passes and an operator cancels while the buyer's other card is tried: both wait for its outcome."""
    order = (await arena.place(product, card="pm_card_chargeDeclined")).json()["id"]
    card = {"method": "card", "payment_method_id": "pm_card_chargeDeclinedInsufficientFunds"}
    trying = asyncio.create_task(arena.command(order, "pay", payment=card))

    async def under_way() -> bool:
        return len((await arena.order(order))["payments"][0]["attempts"]) == 2

    await eventually(under_way)
    await TemporalCancel().say(arena, order, "")

    tried = await trying
    # Where the machine is busy, the tries outlast the API's patience.
    assert tried.status_code in {200, 202}, tried.text
    end = unpaid((await arena.until(order, status="cancelled"))["cancel_reason"])
    await end.reached(arena, order)
    return end


async def test_two_causes_that_wait_for_one_payment_end_the_order_once(arena: Arena) -> None:
    product, ends = await arena.product(on_hand=ON_HAND), list[End]()
    arena.rule(payment_deadline=WAITING_SECONDS)
    # Four tries that don't get through take longer than the deadline.
    lost = {"method": "POST", "path": "/v1/payment_intents/*/confirm", "do": "drop_connection", "times": 4 * WAITING}

    for _ in range(sized(1, 8)):
        arena.stripe.script(faults=[lost])
        ends += await asyncio.gather(*(end_twice_during_a_payment(arena, product) for _ in range(WAITING)))

    assert {end.reason for end in ends} <= {"expired", "operator"}
    await expect_exact(arena, product, ON_HAND, ends)
