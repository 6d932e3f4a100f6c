"""The whole system in one process, on real servers: PostgreSQL, Temporal, the Stripe simulator, workers and the API."""

import asyncio
import contextlib
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import httpx2
from fastapi import FastAPI
from sqlalchemy import select
from temporalio.client import Client

import worker as workers
from api.deps import Wiring
from api.tokens import Tokens
from db import stock
from db.books import check
from db.books_roll import mismatches
from db.ids import new_id
from db.session import Database
from db.tables import Account, EventRow, Product
from domain.books import Finding, ProviderTruth
from domain.gateway import PaymentGateway
from domain.orders import Policy, Role
from providers.stripe import NAME as STRIPE
from sandbox.books_truth import stripe_truth
from tests.support.stripe_sandbox import Sandbox
from workflows.roll import TemporalRoll

ADDRESS = {
    "name": "Ada Example",
    "line1": "1 Quay Street",
    "city": "Oakland",
    "region": "CA",
    "postal_code": "94601",
    "country": "US",
}
# A deadline in seconds that a few calls keep even on a busy machine.
SOON = 5
# In seconds, between two looks at what somebody waits for.
LONGEST_PAUSE = 0.15


async def eventually(
    condition: Any, *, seconds: float = 30.0, pause: float = 0.02, why: str = "what was waited for did not come"
) -> Any:
    """Wait until a (sync or async) condition is truthy, and return it; `why` says what it means that it never was.

    Who waits long asks less often, up to `LONGEST_PAUSE`: the asking is what slows the others down.
    """
    give_up = asyncio.get_running_loop().time() + seconds
    while True:
        seen = condition()
        if asyncio.iscoroutine(seen):
            seen = await seen
        if seen:
            return seen
        assert asyncio.get_running_loop().time() < give_up, why
        await asyncio.sleep(pause)
        pause = max(pause, min(1.2 * pause, LONGEST_PAUSE))


def is_final(answer: httpx2.Response) -> bool:
    """Not when the call is only accepted, or was too much for a busy machine: asked again it is answered for good."""
    return answer.status_code not in {202, 503}


async def answered(
    call: Callable[[], Awaitable[httpx2.Response]],
    *,
    seconds: float = 60.0,
    enough: Callable[[httpx2.Response], bool] = is_final,
) -> httpx2.Response:
    """The first answer that is enough, to a call that is made again and again with its key."""

    async def asked() -> httpx2.Response | None:
        answer = await call()
        return answer if enough(answer) else None

    answer: httpx2.Response = await eventually(asked, seconds=seconds)
    return answer


@dataclass
class Arena:
    """One system with its own database and Temporal server; `http` speaks to the API as a client would."""

    database: Database
    temporal: Client
    stripe: Sandbox
    http: httpx2.AsyncClient
    tokens: Tokens
    providers: Mapping[str, PaymentGateway]
    app: FastAPI
    people: dict[Role, str] = field(default_factory=dict)
    _working: contextlib.AsyncExitStack = field(default_factory=contextlib.AsyncExitStack)

    async def start_workers(self) -> None:
        self._working = contextlib.AsyncExitStack()
        for worker in workers.all_workers(self.temporal, self.database, self.providers):
            await self._working.enter_async_context(worker)

    async def stop_workers(self) -> None:
        await self._working.aclose()

    def rule(self, **policy: int | str) -> None:
        """Change deadlines (in seconds) and the rate of commission for the orders that are placed from now on."""
        wiring: Wiring = self.app.state.wiring
        changed = Policy.model_validate({**wiring.policy.model_dump(), **policy})
        self.app.state.wiring = replace(wiring, policy=changed)

    def answer_within(self, seconds: float) -> None:
        """Change how long the API waits for a workflow before it answers 202."""
        self.app.state.wiring = replace(self.app.state.wiring, answer_budget_seconds=seconds)

    async def new_account(self, role: Role) -> str:
        account = new_id("acc")
        async with self.database.transaction() as session:
            row = Account(
                id=account,
                email=f"{account}@example.com",
                name=role,
                role=role,
                password_hash="unused",
                created=datetime.now(UTC),
            )
            session.add(row)
        return account

    async def product(
        self,
        *,
        price: int = 1999,
        on_hand: int = 100,
        currency: str = "USD",
        seller: str = "",
        name: str = "Anchor shackle",
        low_at: int | None = None,
        **more: Any,
    ) -> str:
        at = datetime.now(UTC)
        product = new_id("prd")
        async with self.database.transaction() as session:
            row = Product(
                id=product,
                seller_id=seller or self.people[Role.SELLER],
                own_sale=False,
                name=name,
                price=price,
                currency=currency,
                created=at,
                updated=at,
                **more,
            )
            session.add(row)
            await session.flush()
            stock.open_stock(session, product, on_hand, at, low_at=low_at)
        return product

    async def headers(self, who: Role | str, key: str | None = None) -> dict[str, str]:
        role = who if isinstance(who, Role) else Role.BUYER
        account = self.people[who] if isinstance(who, Role) else who
        token = self.tokens.issue(account, role)
        return {"Authorization": f"Bearer {token}", "Idempotency-Key": key or str(uuid.uuid4())}

    async def post(
        self, path: str, body: Mapping[str, Any], who: Role | str = Role.BUYER, key: str | None = None
    ) -> httpx2.Response:
        return await self.http.post(path, json=body, headers=await self.headers(who, key))

    async def get(self, path: str, who: Role | str = Role.BUYER) -> Any:
        answer = await self.http.get(path, headers=await self.headers(who))
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def place(
        self, product: str, quantity: int = 1, *, key: str | None = None, who: Role | str = Role.BUYER, **other: Any
    ) -> httpx2.Response:
        return await self.post("/v1/orders", order_body(product, quantity, **other), who, key)

    async def placed(self, product: str, quantity: int = 1, **other: Any) -> httpx2.Response:
        """The final answer to a placing call, which is repeated with its key."""
        key = str(uuid.uuid4())
        return await answered(lambda: self.place(product, quantity, key=key, **other))

    async def command(
        self,
        order: Mapping[str, Any] | str,
        verb: str,
        who: Role | str = Role.BUYER,
        key: str | None = None,
        **body: Any,
    ) -> httpx2.Response:
        order_id = order if isinstance(order, str) else order["id"]
        if verb == "ship":
            body = {"carrier": "DHL", "tracking_number": "JD01", **body}
        return await self.post(f"/v1/orders/{order_id}/{verb}", body, who, key)

    async def insist(
        self,
        order: Mapping[str, Any] | str,
        verb: str,
        who: Role | str = Role.BUYER,
        key: str | None = None,
        *,
        patience: float = 60.0,
        **body: Any,
    ) -> httpx2.Response:
        """The final answer to a command that is repeated with its key: the order may be busy, or the machine."""
        key = key or str(uuid.uuid4())

        def enough(answer: httpx2.Response) -> bool:
            busy = answer.status_code == 409 and answer.json()["code"] == "order_busy"
            return is_final(answer) and not busy

        return await answered(lambda: self.command(order, verb, who, key, **body), seconds=patience, enough=enough)

    async def order(self, order_id: str) -> Any:
        return await self.get(f"/v1/orders/{order_id}", Role.ADMIN)

    async def until(self, order_id: str, **wanted: str) -> dict[str, Any]:
        """Wait until the order's fields are as wanted."""

        async def seen() -> Any:
            order = await self.order(order_id)
            return order if all(order[name] == value for name, value in wanted.items()) else None

        order: dict[str, Any] = await eventually(seen)
        return order

    async def truth(self, order_id: str) -> dict[str, Any]:
        """What the provider knows of the order's money."""
        return await asyncio.to_thread(self.stripe.state, order_id)

    async def audit(self) -> tuple[ProviderTruth, tuple[Finding, ...]]:
        """What the provider knows of all orders' money, and everything that is off against it and against Temporal."""
        truth = await stripe_truth(self.stripe.url)
        unmatched = await mismatches(self.database, TemporalRoll(self.temporal), datetime.now(UTC))
        return truth, (*await check(self.database, {STRIPE: truth}), *unmatched.findings())

    async def incidents(self) -> list[tuple[str, str]]:
        """The kinds and subjects of the open incidents."""
        listed = (await self.get("/v1/incidents?open=true&limit=100", Role.ADMIN))["data"]
        return [(each["kind"], each["subject"]) for each in listed]

    async def logged(self, order_id: str, kind: str) -> list[dict[str, Any]]:
        """The data of the order's events of one kind."""
        query = select(EventRow.data).where(EventRow.subject == order_id, EventRow.type == kind)
        async with self.database.transaction() as session:
            return list(await session.scalars(query.order_by(EventRow.sequence)))


def order_body(
    product: str, quantity: int = 1, *, card: str = "pm_card_visa", capture: str = "automatic", **other: Any
) -> dict[str, Any]:
    return {
        "items": [{"product_id": product, "quantity": quantity}],
        "shipping_address": ADDRESS,
        "payment": {"method": "card", "payment_method_id": card, "capture": capture},
        **other,
    }


def same(answer: httpx2.Response, other: httpx2.Response) -> bool:
    """Byte for byte the same answer."""
    return (answer.status_code, answer.content) == (other.status_code, other.content)
