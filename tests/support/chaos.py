"""Buyers who mean it: each repeats every call with its key until it has a final answer, while parts are killed."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

import httpx2

from domain.books import ProviderPayment
from domain.order_view import OrderView
from domain.orders import OrderStatus
from domain.payments import PaymentStatus
from sandbox.stack import Stack
from sandbox.supervisor import Notice
from tests.support.arena import order_body

# How long a client repeats one call, and how long it waits between two tries.
PATIENCE_SECONDS = 120.0
PAUSE_SECONDS = (0.1, 0.6)
# How long a buyer thinks between two steps, so that kills meet resting orders too.
THINKING_SECONDS = (0.0, 0.8)
# Above the API's own budget.
TIMEOUT_SECONDS = 20.0

STORIES = (("automatic", "ship"), ("manual", "ship"), ("automatic", "cancel"), ("manual", "cancel"))
# Shipped by its seller and cancelled by its buyer at once.
RACE = "race"
RACES = (*STORIES, ("automatic", RACE), ("manual", RACE))


@dataclass(frozen=True, slots=True)
class Sale:
    """An order that was accepted, and what its buyer meant to do with it."""

    order_id: str
    capture: str
    verb: str
    quantity: int

    @property
    def end(self) -> tuple[OrderStatus, PaymentStatus]:
        if self.verb == "ship":
            return OrderStatus.COMPLETED, PaymentStatus.COMPLETED
        refunded = PaymentStatus.REFUNDED if self.capture == "automatic" else PaymentStatus.CANCELLED
        return OrderStatus.CANCELLED, refunded

    @property
    def shipped(self) -> int:
        return self.quantity if self.verb == "ship" else 0

    def money(self, order: OrderView) -> ProviderPayment:
        """What the provider must know of it in the end: one payment, at most one capture."""
        total = order.totals.total
        taken = self.verb == "ship" or self.capture == "automatic"
        returned = self.verb == "cancel" and taken
        return ProviderPayment(
            currency=total.currency,
            authorized=total.amount,
            captured=total.amount * taken,
            refunded=total.amount * returned,
            voided=total.amount * (not taken),
            intents=1,
            captures=int(taken),
            refunds=int(returned),
        )


@dataclass
class Client:
    """An integration as it should be. `setbacks` counts what it met; `told` is every order id that a key was given."""

    http: httpx2.AsyncClient
    tokens: dict[str, str]
    patience: float = PATIENCE_SECONDS
    in_flight: int = 0
    setbacks: Counter[str] = field(default_factory=Counter)
    told: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    async def log_in(self, stack: Stack) -> None:
        for role in ("buyer", "seller", "admin"):
            account = getattr(stack.ready.accounts, role)
            answer = await self.http.post("/v1/auth/login", json=account.model_dump())
            self.tokens[role] = answer.raise_for_status().json()["access_token"]

    async def post(self, path: str, body: dict[str, Any], role: str, key: str, draws: Random) -> Any:
        """The final answer's document; anything but a success is a failure of the test."""
        answer = await self.say(path, body, role, key, draws)
        assert answer.is_success, f"{key}: {answer.status_code} {answer.text}"
        return answer.json()

    async def say(self, path: str, body: dict[str, Any], role: str, key: str, draws: Random) -> httpx2.Response:
        """The final answer, also when it is a refusal."""
        return await self._until_final("POST", path, role, draws, key=key, body=body)

    async def get(self, path: str, role: str, draws: Random) -> Any:
        return (await self._until_final("GET", path, role, draws)).raise_for_status().json()

    async def _until_final(
        self, method: str, path: str, role: str, draws: Random, *, key: str = "", body: dict[str, Any] | None = None
    ) -> httpx2.Response:
        headers = {"Authorization": f"Bearer {self.tokens[role]}"} | ({"Idempotency-Key": key} if key else {})
        give_up = asyncio.get_running_loop().time() + self.patience
        self.in_flight += 1
        try:
            while True:
                answer, setback = await self._try(method, path, headers, body)
                if answer is not None and key and answer.is_success:
                    self.told[key].add(answer.json()["id"])
                if answer is not None and not setback:
                    return answer
                self.setbacks[setback] += 1
                assert asyncio.get_running_loop().time() < give_up, f"{method} {path} ({key}) last met {setback}"
                await asyncio.sleep(draws.uniform(*PAUSE_SECONDS))
        finally:
            self.in_flight -= 1

    async def _try(
        self, method: str, path: str, headers: dict[str, str], body: dict[str, Any] | None
    ) -> tuple[httpx2.Response | None, str]:
        """The answer, if there was one, and what was wrong with it: nothing when it is final."""
        try:
            answer = await self.http.request(method, path, json=body, headers=headers)
        except httpx2.TransportError as lost:
            return None, type(lost).__name__
        code = answer.json().get("code", "") if answer.status_code >= 400 else ""
        again = answer.status_code == 202 or answer.status_code >= 500 or code == "order_busy"
        return answer, f"{answer.status_code} {code}".strip() if again else ""


@dataclass
class Buyer:
    """Places orders until told to stop, and brings each to the end that its story has."""

    name: str
    client: Client
    product: str
    draws: Random
    stories: Sequence[tuple[str, str]] = STORIES
    sales: list[Sale] = field(default_factory=list)

    async def shop(self, closing: asyncio.Event) -> None:
        while not closing.is_set():
            await self._buy(f"{self.name}-{len(self.sales)}", *self.draws.choice(self.stories))

    async def _buy(self, name: str, capture: str, verb: str) -> None:
        quantity = self.draws.randint(1, 3)
        body = order_body(self.product, quantity, capture=capture)
        placed = await self._say("/v1/orders", body, "buyer", f"{name}-place")
        path, tracking = f"/v1/orders/{placed['id']}", {"carrier": "DHL", "tracking_number": name}
        raced = verb == RACE
        if raced:
            verb = await self._race(path, tracking, name)
        self.sales.append(Sale(placed["id"], capture, verb, quantity))
        if verb == "cancel" and not raced:
            await self._say(f"{path}/cancel", {}, "buyer", f"{name}-cancel")
        if verb == "ship":
            if not raced:
                await self._say(f"{path}/ship", tracking, "seller", f"{name}-ship")
            await self._say(f"{path}/deliver", {}, "buyer", f"{name}-deliver")

    async def _race(self, path: str, tracking: dict[str, Any], name: str) -> str:
        """Which of the two happened; the other is refused."""
        shipped, cancelled = await asyncio.gather(
            self.client.say(f"{path}/ship", tracking, "seller", f"{name}-ship", Random(f"{name}-ship")),  # noqa: S311 - replayable
            self.client.say(f"{path}/cancel", {}, "buyer", f"{name}-cancel", Random(f"{name}-cancel")),  # noqa: S311 - replayable
        )
        statuses = (shipped.status_code, cancelled.status_code)
        assert sorted(statuses) == [200, 409], f"{name}: {shipped.text} {cancelled.text}"
        return "ship" if shipped.is_success else "cancel"

    async def _say(self, path: str, body: dict[str, Any], role: str, key: str) -> Any:
        said = await self.client.post(path, body, role, key, self.draws)
        await asyncio.sleep(self.draws.uniform(*THINKING_SECONDS))
        return said


@dataclass
class Watch:
    """What the supervisor noticed, by part."""

    deaths: Counter[str] = field(default_factory=Counter)
    restarts: Counter[str] = field(default_factory=Counter)

    def notice(self, name: str, notice: Notice, _where: str) -> None:
        match notice:
            case Notice.DIED:
                self.deaths[name] += 1
            case Notice.RESTARTED:
                self.restarts[name] += 1
            case Notice.READY | Notice.DONE:
                pass
