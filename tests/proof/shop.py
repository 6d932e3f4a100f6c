"""The real system driven beside its model: what is said to both, and that both come to the same."""

import asyncio
import uuid
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import httpx2

from domain.books import ProviderPayment
from domain.orders import Role
from tests.proof.model import Answer, Card, Done, Order, Refused, place
from tests.support.arena import Arena, answered, order_body, same


@dataclass(frozen=True, slots=True)
class Said:
    """A call with its final answer, to be repeated."""

    path: str
    body: dict[str, Any]
    who: Role
    key: str
    answer: httpx2.Response


@dataclass
class Shop:
    """A product, and every order of it by id: its model, and what was last said to it.

    `heard` counts the kinds of answers. `sound` is false from a command until the system is seen to do as the model.
    """

    arena: Arena
    heard: Counter[str]
    on_hand: int
    product: str = ""
    orders: dict[str, Order] = field(default_factory=dict)
    last: dict[str, Said] = field(default_factory=dict)
    sound: bool = True

    @property
    def available(self) -> int:
        return self.on_hand - sum(each.held + each.gone for each in self.orders.values())

    async def open(self) -> None:
        self.product = await self.arena.product(on_hand=self.on_hand)

    async def place(self, quantity: int, card: Card, capture: str) -> str | None:
        """The id of the new order, or None when it was rightly refused."""
        self.sound = False
        key, body = str(uuid.uuid4()), order_body(self.product, quantity, card=card, capture=capture)
        answer = await answered(lambda: self.arena.post("/v1/orders", body, key=key))
        order, wanted = place(quantity, card, capture, self.available)
        self._compare("place", answer, wanted, success=201)
        if order is None:
            self.sound = True
            return None
        order_id: str = answer.json()["id"]
        self.last[order_id] = Said("/v1/orders", body, Role.BUYER, key, answer)
        await self._rest(order_id, order)
        return order_id

    async def pay(self, order_id: str, card: Card, capture: str) -> None:
        payment = {"method": "card", "payment_method_id": card, "capture": capture}
        await self._say(order_id, "pay", Role.BUYER, self.orders[order_id].pay(card, capture), payment=payment)

    async def answer_bank(self, order_id: str, *, passed: bool) -> None:
        """The buyer decides at the bank; the order hears of it from the provider."""
        self.sound = False
        shown = await self.arena.get(f"/v1/orders/{order_id}")
        intent = shown["next_action"]["client_secret"].partition("_secret_")[0]
        outcome = "succeed" if passed else "fail"
        (await asyncio.to_thread(self.arena.stripe.challenge, intent, outcome)).raise_for_status()
        await self._rest(order_id, self.orders[order_id].answer_bank(passed=passed))
        self.heard[f"bank {self.orders[order_id].payment}"] += 1

    async def ship(self, order_id: str, who: Role) -> None:
        tracking = {"carrier": "DHL", "tracking_number": "JD01"}
        await self._say(order_id, "ship", who, self.orders[order_id].ship(), **tracking)

    async def deliver(self, order_id: str, who: Role) -> None:
        await self._say(order_id, "deliver", who, self.orders[order_id].deliver(by_buyer=who is Role.BUYER))

    async def cancel(self, order_id: str, who: Role, *, restock: bool) -> None:
        await self._say(order_id, "cancel", who, self.orders[order_id].cancel(restock=restock), restock=restock)

    async def repeat(self, order_id: str) -> None:
        """The last call once more, with its key: the same answer, byte for byte, and nothing happens."""
        said = self.last[order_id]
        again = await self.arena.post(said.path, said.body, said.who, said.key)
        assert same(said.answer, again), (said.answer.text, again.text)
        await self._rest(order_id, self.orders[order_id])

    async def go_on(self, order_id: str) -> None:
        """The command that brings the order nearer to being completed."""
        order = self.orders[order_id]
        match order.status:
            case "pending" if order.at_the_bank:
                await self.answer_bank(order_id, passed=True)
            case "pending":
                await self.pay(order_id, Card.GOOD, order.capture)
            case "confirmed":
                await self.ship(order_id, Role.SELLER)
            case status:
                await self.deliver(order_id, Role.SELLER if status == "shipped" else Role.BUYER)

    async def end(self) -> None:
        """Bring every order to its end, all at once: the paid ones are completed, the others cancelled."""
        async with asyncio.TaskGroup() as group:
            for order_id in self.orders:
                group.create_task(self._end(order_id))

    async def _end(self, order_id: str) -> None:
        while not self.orders[order_id].closed:
            if self.orders[order_id].status == "pending":
                await self.cancel(order_id, Role.ADMIN, restock=True)
            else:
                await self.go_on(order_id)

    async def expect_stock(self) -> None:
        shelf = await self.arena.get(f"/v1/products/{self.product}")
        assert shelf["stock"] == self.available

    async def expect_books(self) -> None:
        """The provider's truth of each order is the model's, and the books agree with the provider."""
        truth, findings = await self.arena.audit()
        assert findings == ()
        ours = {order_id: truth.payments[order_id] for order_id in self.orders}
        assert ours == {order_id: _money(order) for order_id, order in self.orders.items()}

    async def _say(self, order_id: str, verb: str, who: Role, wanted: tuple[Order, Answer], **body: Any) -> None:
        self.sound = False
        key, (order, answer) = str(uuid.uuid4()), wanted
        told = await self.arena.insist(order_id, verb, who, key, **body)
        self._compare(verb, told, answer)
        self.last[order_id] = Said(f"/v1/orders/{order_id}/{verb}", body, who, key, told)
        await self._rest(order_id, order)

    def _compare(self, verb: str, told: httpx2.Response, wanted: Answer, *, success: int = 200) -> None:
        body = told.json()
        match wanted:
            case Refused(code):
                assert (told.status_code, body.get("code")) == (409, code), f"{verb}: {told.text}"
                self.heard[f"{verb} {code}"] += 1
            case Done(status, payment):
                assert (told.status_code, body.get("status")) == (success, status), f"{verb}: {told.text}"
                assert body["payment_status"] in payment, f"{verb}: {told.text}"
                self.heard[f"{verb} {status}"] += 1

    async def _rest(self, order_id: str, order: Order) -> None:
        """Wait until all that follows has happened; then the order is, in every part, what the model says."""
        self.orders[order_id] = order
        shown = await self.arena.until(order_id, status=order.status, payment_status=order.payment)
        assert shown["totals"]["total"]["amount"] == order.total
        (payment,) = shown["payments"]
        amounts = [payment[name]["amount"] for name in ("authorized", "captured", "refunded")]
        assert amounts == [order.authorized, order.captured, order.refunded], payment
        assert payment["capture"] == order.capture
        assert [each["amount"]["amount"] for each in shown["refunds"]] == [order.refunded] * bool(order.refunded)
        self.sound = True


def _money(order: Order) -> ProviderPayment:
    return ProviderPayment(
        currency="USD",
        authorized=order.authorized,
        captured=order.captured,
        refunded=order.refunded,
        voided=order.voided,
        intents=1,
        captures=int(order.captured > 0),
        refunds=int(order.refunded > 0),
    )
