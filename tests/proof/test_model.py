"""Random commands to several orders at once, on real servers: every answer and every amount is what the model says."""

import asyncio
from collections import Counter
from collections.abc import Coroutine
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)

from domain.orders import Role
from tests.proof.model import Card
from tests.proof.shop import Shop
from tests.proof.sizes import FULL, SEED, sized
from tests.support.arena import Arena
from tests.support.races import expect_all_closed

Result = TypeVar("Result")

ON_HAND = 8
STEP_SECONDS = 60.0
# Parts run beside each other, each with a seed of its own.
PARTS, EXAMPLES, STEPS = sized(1, 3), sized(10, 50), sized(12, 30)
PROVES = f"{PARTS * EXAMPLES} examples of up to {STEPS} commands"
SIZE = settings(
    max_examples=EXAMPLES,
    stateful_step_count=STEPS,
    database=None,
    deadline=None,
    # Real servers are slow to Hypothesis' mind; and in the small size a failure is short enough to read as it is.
    suppress_health_check=list(HealthCheck),
    phases=(Phase.generate, Phase.shrink) if FULL else (Phase.generate,),
)
# Every kind of answer that the model has: all are heard in full size, these at least in any.
LEAST = {"place confirmed", "pay confirmed", "bank completed", "ship shipped", "deliver delivered", "cancel cancelled"}
ANSWERS = {
    *("place pending", "place confirmed", "place out_of_stock"),
    *("pay pending", "pay confirmed", "pay order_closed", "pay payment_not_open"),
    *("bank completed", "bank authorized", "bank failed"),
    *("ship shipped", "ship order_closed", "ship order_not_shippable"),
    *("deliver delivered", "deliver order_closed", "deliver order_not_deliverable"),
    *("cancel cancelled", "cancel order_closed", "cancel order_not_cancellable"),
}
CARDS = st.sampled_from(Card)
NUMBERS = st.integers(0, 100)
CAPTURES = st.sampled_from(["automatic", "manual"])


class Machine(RuleBasedStateMachine):
    """Hypothesis' side: it runs in a thread of its own, the shop in the loop of its servers."""

    orders: Bundle[str] = Bundle("orders")

    def __init__(self, arena: Arena, heard: Counter[str], loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self.shop = Shop(arena, heard, ON_HAND)
        self._loop = loop
        self._done(self.shop.open())

    def _done(self, step: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(step, self._loop).result(STEP_SECONDS)

    @initialize(target=orders, cards=st.permutations(list(Card)), capture=CAPTURES)
    def open_with_some(self, cards: list[Card], capture: str) -> MultipleResults[str]:
        return multiple(*(placed for card in cards[:3] if (placed := self._done(self.shop.place(1, card, capture)))))

    @rule(target=orders, quantity=st.integers(1, 3), card=CARDS, capture=CAPTURES)
    def place(self, quantity: int, card: Card, capture: str) -> MultipleResults[str]:
        placed = self._done(self.shop.place(quantity, card, capture))
        return multiple() if placed is None else multiple(placed)

    @rule(order=orders, card=CARDS, capture=CAPTURES)
    def pay(self, order: str, card: Card, capture: str) -> None:
        self._done(self.shop.pay(order, card, capture))

    @precondition(lambda self: self.unpaid)
    @rule(number=NUMBERS, card=CARDS, capture=CAPTURES)
    def try_a_card(self, number: int, card: Card, capture: str) -> None:
        """Left to chance alone, most orders that are paid for would be paid already."""
        self._done(self.shop.pay(_one_of(self.unpaid, number), card, capture))

    @precondition(lambda self: self.at_the_bank)
    @rule(number=NUMBERS, passed=st.booleans())
    def answer_bank(self, number: int, passed: bool) -> None:
        self._done(self.shop.answer_bank(_one_of(self.at_the_bank, number), passed=passed))

    @precondition(lambda self: self.open)
    @rule(number=NUMBERS)
    def go_on(self, number: int) -> None:
        """What brings an order nearer to its end: left to chance alone, most would be cancelled before."""
        self._done(self.shop.go_on(_one_of(self.open, number)))

    @rule(order=orders, who=st.sampled_from([Role.SELLER, Role.ADMIN]))
    def ship(self, order: str, who: Role) -> None:
        self._done(self.shop.ship(order, who))

    @rule(order=orders, who=st.sampled_from(Role))
    def deliver(self, order: str, who: Role) -> None:
        self._done(self.shop.deliver(order, who))

    @rule(order=orders, who=st.sampled_from([Role.BUYER, Role.ADMIN]), restock=st.booleans())
    def cancel(self, order: str, who: Role, restock: bool) -> None:
        # Only the merchant takes goods off the shelf.
        self._done(self.shop.cancel(order, who, restock=restock or who is Role.BUYER))

    @precondition(lambda self: self.under_way)
    @rule(number=NUMBERS)
    def cancel_too_late(self, number: int) -> None:
        self._done(self.shop.cancel(_one_of(self.under_way, number), Role.BUYER, restock=True))

    @precondition(lambda self: self.closed)
    @rule(number=NUMBERS, verb=st.sampled_from(["pay", "ship", "deliver", "cancel"]))
    def come_too_late(self, number: int, verb: str) -> None:
        """Left to chance alone, few orders that have ended would be asked for anything."""
        order = _one_of(self.closed, number)
        match verb:
            case "pay":
                self._done(self.shop.pay(order, Card.GOOD, "automatic"))
            case "ship":
                self._done(self.shop.ship(order, Role.SELLER))
            case "deliver":
                self._done(self.shop.deliver(order, Role.BUYER))
            case _:
                self._done(self.shop.cancel(order, Role.BUYER, restock=True))

    @rule(order=orders)
    def repeat(self, order: str) -> None:
        self._done(self.shop.repeat(order))

    @invariant()
    def stock_is_conserved(self) -> None:
        self._done(self.shop.expect_stock())

    @property
    def at_the_bank(self) -> list[str]:
        return [order_id for order_id, order in self.shop.orders.items() if order.at_the_bank]

    @property
    def unpaid(self) -> list[str]:
        return [order_id for order_id, order in self.shop.orders.items() if order.unpaid]

    @property
    def under_way(self) -> list[str]:
        return [order_id for order_id, order in self.shop.orders.items() if order.under_way]

    @property
    def closed(self) -> list[str]:
        return [order_id for order_id, order in self.shop.orders.items() if order.closed]

    @property
    def open(self) -> list[str]:
        return [order_id for order_id, order in self.shop.orders.items() if not order.closed]

    def teardown(self) -> None:
        """The books as they stand, and once more when every order has ended; a failed step is not talked over."""
        if self.shop.sound:
            self._done(self.shop.expect_books())
            self._done(self.shop.end())
            self._done(self.shop.expect_stock())
            self._done(self.shop.expect_books())


def _one_of(orders: list[str], number: int) -> str:
    return orders[number % len(orders)]


@pytest.mark.timeout(sized(180, 3600))
@pytest.mark.parametrize("part", range(PARTS))
async def test_orders_do_what_the_model_says(arena: Arena, part: int) -> None:
    heard: Counter[str] = Counter()
    # Nothing expires on its own while the model is at work.
    arena.rule(payment_deadline=86_400, inspection_window=86_400)
    loop = asyncio.get_running_loop()

    @seed(f"{SEED}/{part}")
    class Here(Machine):
        def __init__(self) -> None:
            super().__init__(arena, heard, loop)

    await asyncio.to_thread(run_state_machine_as_test, Here, settings=SIZE)

    await expect_all_closed(arena)
    assert heard.keys() <= ANSWERS
    assert heard.keys() >= (ANSWERS if FULL else LEAST), heard
