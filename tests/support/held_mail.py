"""A provider's webhooks held back, then let go as a seed says: twice, in disorder, late or never, forgeries between."""

import asyncio
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from random import Random
from typing import Any

import httpx2
from sqlalchemy import select

from db.ids import new_id
from db.tables import InboundWebhook, WebhookState
from sandbox.stripe.courier import signature
from tests.support.arena import Arena, eventually
from tests.support.stripe_events import event_body, signed
from tests.support.stripe_sandbox import SECRET, Delivery, Inbox

TAKEN, REFUSED = 204, 400
DROPPED = 0.3
COPIES = (1, 1, 2, 3)
# Beyond what Stripe's signatures are good for.
STALE_SECONDS = 301
LIES = ("payment_intent.succeeded", "payment_intent.canceled", "payment_intent.payment_failed", "refund.failed")


@dataclass(frozen=True, slots=True)
class Letter:
    """One delivery of a webhook, and the status that is right for it; `number` tells when it was sent."""

    event: str
    kind: str
    body: bytes
    signature: str
    answer: int = TAKEN
    number: int | None = None


@dataclass
class Mail:
    """The mail of one order, by the moments of its life; the `last` of them comes after its end."""

    arena: Arena
    inbox: Inbox
    order: str
    last: int
    draws: Random
    fates: Counter[str]
    arrived: dict[str, str] = field(default_factory=dict)
    posted: list[Letter] = field(default_factory=list)
    _due: defaultdict[int, list[Letter]] = field(default_factory=lambda: defaultdict(list))

    def slip_in(self) -> None:
        """What nobody should believe, each at some moment."""
        for letter in intruders(self.order, self.draws.choice(LIES)):
            self._due[self.draws.randint(0, self.last)].append(letter)
            self.fates[letter.kind] += 1

    async def sort(self, moment: int) -> None:
        """Give its fate to every webhook that the provider has sent since the last moment."""
        for letter in await self._fresh():
            self.arrived[letter.event] = letter.kind
            if self.draws.random() < DROPPED:
                self.fates["dropped"] += 1
                continue
            copies = self.draws.choice(COPIES)
            self.fates["duplicated"] += copies > 1
            for _ in range(copies):
                when = self.draws.randint(moment, self.last)
                self.fates["late"] += when == self.last
                self._due[when].append(letter)

    def never_told(self, kind: str, moment: int) -> bool:
        """Whether a webhook of this kind was sent, and none has come or comes at this moment."""
        come = {letter.kind for letter in (*self.posted, *self._due[moment]) if letter.answer == TAKEN}
        return kind in self.arrived.values() and kind not in come

    async def let_go(self, moment: int) -> None:
        """Deliver what is due, one after the other or all at once."""
        letters = self._due.pop(moment, [])
        self.draws.shuffle(letters)
        if self.draws.random() < 0.5:
            self.fates["at once"] += len(letters) > 1
            await asyncio.gather(*(self._post(letter) for letter in letters))
            return
        for letter in letters:
            await self._post(letter)

    async def kept(self) -> None:
        """Each letter that is to be believed was stored once and dealt with; no other was stored."""
        mine = {letter.event: letter.answer for letter in self.posted}
        async with self.arena.database.transaction() as session:
            found = select(InboundWebhook.event_id, InboundWebhook.state).where(InboundWebhook.event_id.in_(mine))
            stored = dict((event, state) for event, state in await session.execute(found))  # noqa: C402 - mypy knows no dict of rows
        assert stored.keys() == {event for event, answer in mine.items() if answer == TAKEN}
        assert WebhookState.RECEIVED not in stored.values(), stored

    async def _post(self, letter: Letter) -> None:
        numbers = [each.number for each in self.posted if each.number is not None]
        self.fates["reordered"] += bool(letter.number is not None and numbers and letter.number < max(numbers))
        self.posted.append(letter)
        headers = {"Stripe-Signature": letter.signature}
        answer = await self.arena.http.post("/v1/webhooks/stripe", content=letter.body, headers=headers)
        assert answer.status_code == letter.answer, f"{letter.kind} ({letter.event}): {answer.text}"

    async def _fresh(self) -> list[Letter]:
        """Every webhook about the order that was sent and not seen yet, signed by the provider itself; oldest first."""
        sent = await asyncio.to_thread(self._announced)

        def come() -> dict[str, Delivery] | None:
            here = {delivery.event["id"]: delivery for delivery in self.inbox.deliveries}
            return here if here.keys() >= set(sent) else None

        here: dict[str, Delivery] = await eventually(come, why="the provider announced a webhook and did not send it")
        return [
            Letter(event, here[event].type, here[event].body, here[event].signature, number=number)
            for number, event in enumerate(sent)
            if event not in self.arrived
        ]

    def _announced(self) -> list[str]:
        url, headers = f"{self.arena.stripe.url}/v1/events", {"Authorization": "Bearer sk_test_arena"}
        listed = httpx2.get(url, params={"limit": "100"}, headers=headers).raise_for_status().json()["data"]
        ours = [each["id"] for each in listed if each["data"]["object"]["metadata"].get("order_id") == self.order]
        return ours[::-1]


def intruders(order: str, lie: str) -> list[Letter]:
    """A forgery, an old signature, somebody else's payment, an order that nobody placed, and a lie about ours."""

    def letter(kind: str, body: bytes, sign: str, answer: int = TAKEN) -> Letter:
        return Letter(f"evt_{kind}_{order}", kind, body, sign, answer)

    def body(kind: str, event: str = "payment_intent.succeeded", **thing: Any) -> bytes:
        return event_body(event, identity=f"evt_{kind}_{order}", **thing)

    ours = {"order_id": order}
    forged, stale = body("forged", metadata=ours), body("stale", metadata=ours)
    foreign, unknown = (
        body("foreign", metadata={"order_id": "4711"}),
        body("unknown", metadata={"order_id": new_id("ord")}),
    )
    lied = body("lie", lie, metadata={**ours, "refund_id": new_id("ref")} if "refund" in lie else ours, id="pi_another")
    return [
        letter("forged", forged, signed(forged, "whsec_of_somebody_else"), REFUSED),
        letter("stale", stale, signature(SECRET, stale, int(time.time()) - STALE_SECONDS), REFUSED),
        letter("foreign", foreign, signed(foreign)),
        letter("unknown", unknown, signed(unknown)),
        letter("lie", lied, signed(lied)),
    ]
