"""Orders from their placing to their end, as a table: what is done with each, how it ends, and what money moved."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from random import Random
from typing import Any

import httpx2
from sqlalchemy import update
from temporalio.api.enums.v1 import EventType, WorkflowTaskFailedCause
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import WorkflowExecutionStatus

from db.ids import new_id
from db.tables import InboundWebhook, Payment
from domain.books import ProviderPayment
from domain.orders import OrderStatus, Policy, Role
from domain.payments import PaymentStatus
from tests.support.apps import NO_TLS, quick_app
from tests.support.arena import Arena, eventually, order_body
from tests.support.chaos import PATIENCE_SECONDS, TIMEOUT_SECONDS, Client
from tests.support.opening import free_listener, serving
from tests.support.stripe_sandbox import DEAF
from workflows import names
from workflows.audit import AuditWorkflow
from workflows.mails import MailWorkflow
from workflows.policies import TASK_TIMEOUT
from workflows.sweep import SweepWorkflow
from workflows.waking import TemporalWaker

# One shackle at 19.99, 7.25 % tax on it, 5.00 shipping.
TOTAL = 2644
ON_HAND = 10_000
# A killed provider call is given up after 20 s; what nobody told a workflow is found by a sweep, one a minute.
ENDING_SECONDS = 150.0
# Many wait at a time, and every look is a request.
LOOK_SECONDS = 0.1
_HASTE = Policy(payment_deadline=1, inspection_window=3600)
# As old as a payment must be to be read again at its provider.
_OLD = timedelta(seconds=61)


@dataclass
class Shop:
    """Two sellers' products, patient people, and an API with a deadline of a second for those who shall not pay."""

    arena: Arena
    client: Client
    hasty: Client
    product: str
    product_of_another: str
    draws: Random
    # Unset while workers are killed one after the other: how long an order's end takes counts from the last.
    peace: asyncio.Event = field(default_factory=asyncio.Event)

    async def place(self, story: "Story", name: str) -> str:
        client = self.hasty if story.hasty else self.client
        sold = [self.product, self.product_of_another] if story.in_parts else [self.product]
        items = [{"product_id": each, "quantity": 1} for each in sold]
        body = order_body(self.product, card=story.card, capture=story.capture, items=items)
        placed = await client.post("/v1/orders", body, "buyer", f"{name}-place", self.draws)
        return str(placed["id"])

    async def command(self, order: str, verb: str, role: str = "buyer", **body: Any) -> None:
        await self.client.post(f"/v1/orders/{order}/{verb}", body, role, f"{order}-{verb}", self.draws)

    async def becomes(self, order: str, **wanted: str) -> dict[str, Any]:
        async def seen() -> dict[str, Any] | None:
            view: dict[str, Any] = await self.arena.order(order)
            return view if view.items() >= wanted.items() else None

        view: dict[str, Any] = await self.until(seen, f"{order} did not become {wanted}")
        return view

    async def until(self, condition: Callable[[], Awaitable[Any]], why: str) -> Any:
        """What the condition comes to, soon after the last worker was killed."""
        while not self.peace.is_set():
            if found := await condition():
                return found
            await asyncio.sleep(LOOK_SECONDS)
        return await eventually(condition, seconds=ENDING_SECONDS, pause=LOOK_SECONDS, why=why)

    async def swept(self, order: str) -> None:
        """A sweep that looks a minute after the order was last heard of."""
        async with self.arena.database.transaction() as session:
            payments, webhooks = Payment.order_id == order, InboundWebhook.order_id == order
            await session.execute(update(Payment).where(payments).values(updated=Payment.updated - _OLD))
            received = InboundWebhook.received - _OLD
            await session.execute(update(InboundWebhook).where(webhooks).values(received=received))
        await self._looked(SweepWorkflow.run, f"{names.SWEEP_ORDERS}/{order}")

    async def audited(self, order: str) -> None:
        await self._looked(AuditWorkflow.run, f"{names.AUDIT}/{order}")

    async def mailed(self, order: str) -> None:
        await self._looked(MailWorkflow.run, f"{names.MAILS}/{order}")

    async def _looked(self, run: Callable[..., Awaitable[Any]], identity: str) -> None:
        look = await self.arena.temporal.start_workflow(
            run, id=identity, task_queue=names.ORDERS, task_timeout=TASK_TIMEOUT
        )
        await look.result()

    async def intent(self, order: str) -> str:
        """The provider's id of a payment that waits for the bank."""
        action = (await self.arena.order(order))["next_action"]
        assert action["type"] == "three_ds"
        return str(action["client_secret"].partition("_secret_")[0])

    async def decide(self, order: str) -> None:
        """The buyer passes the bank's challenge."""
        intent = await self.intent(order)
        (await asyncio.to_thread(self.arena.stripe.challenge, intent, "succeed")).raise_for_status()

    async def at_provider(self, intent: str, action: str = "", **form: str) -> None:
        """Somebody else is at the payment."""
        path = f"/v1/payment_intents/{intent}{action}"
        (await asyncio.to_thread(self.arena.stripe.post, path, form)).raise_for_status()

    async def incidents(self) -> set[str]:
        """What the open incidents are about."""
        listed = await self.arena.get("/v1/incidents?limit=100", Role.ADMIN)
        return {each["subject"] for each in listed["data"] if each["closed"] is None}

    async def live(self, story: "Story", name: str) -> str:
        """The whole story; the order's id when it has ended."""
        order = None
        try:
            order = await self.place(story, name)
            for step in story.steps:
                await step(self, order)
            await self.ended(order, story)
        except AssertionError as problem:
            problem.add_note(f"in the story of {name}")
            if order is not None:
                problem.add_note(await self._happened(order))
            raise
        return order

    async def _happened(self, order: str) -> str:
        """What Temporal knows of the order, a line for each event."""
        history = await self.arena.temporal.get_workflow_handle(names.order_workflow_id(order)).fetch_history()
        lines = (
            f"{event.event_time.ToJsonString()} {EventType.Name(event.event_type)} {_word_of(event)}".rstrip()
            for event in history.events
        )
        return "\n".join(lines)

    async def ended(self, order: str, story: "Story") -> None:
        """It has ended as told, its workflows have completed, and no task of theirs failed."""
        view = await self.becomes(order, status=story.end[0], payment_status=story.end[1])
        refunds = [names.refund_workflow_id(each["id"]) for each in view["refunds"]]
        assert len(refunds) == story.money.refunds
        for identity in (names.order_workflow_id(order), *refunds):
            await self._completed(identity, attention=story.attention)

    async def _completed(self, identity: str, *, attention: bool) -> None:
        handle = self.arena.temporal.get_workflow_handle(identity)

        async def closed() -> bool:
            return (await handle.describe()).status is not WorkflowExecutionStatus.RUNNING

        await self.until(closed, f"{identity} is still running")
        described = await handle.describe()
        assert described.status is WorkflowExecutionStatus.COMPLETED, identity
        assert bool(described.typed_search_attributes.get(names.NEEDS_ATTENTION)) == attention, identity
        tasks = [event.workflow_task_failed_event_attributes for event in (await handle.fetch_history()).events]
        failed = [task.failure.message for task in tasks if task.cause not in _NO_FAULT]
        assert failed == [], identity


def _word_of(event: HistoryEvent) -> str:
    """Which activity, signal, update or timer an event is about, where it says."""
    scheduled, signalled = (
        event.activity_task_scheduled_event_attributes,
        event.workflow_execution_signaled_event_attributes,
    )
    accepted = event.workflow_execution_update_accepted_event_attributes.accepted_request
    timer, marker = event.timer_started_event_attributes, event.marker_recorded_event_attributes
    words = (
        scheduled.activity_type.name,
        signalled.signal_name,
        accepted.input.name,
        timer.timer_id,
        marker.marker_name,
    )
    return " ".join(word for word in words if word)


# Of other events; and when something new had come before the task was completed.
_NO_FAULT = {
    WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_UNSPECIFIED,
    WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND,
}
Step = Callable[[Shop, str], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Story:
    """How an order is paid, what is done with it then, its statuses in the end, and the provider's truth of it.

    `attention` is set when a person has to look at it, `in_parts` when two sellers' goods are bought.
    """

    steps: tuple[Step, ...]
    end: tuple[OrderStatus, PaymentStatus]
    money: ProviderPayment
    card: str = "pm_card_visa"
    capture: str = "automatic"
    hasty: bool = False
    attention: bool = False
    in_parts: bool = False

    @property
    def sold(self) -> int:
        """How many pieces of the shop's own product it takes: what is bought in parts loses that one."""
        return int(self.end[0] is OrderStatus.COMPLETED and not self.in_parts)


async def ship(shop: Shop, order: str) -> None:
    await shop.becomes(order, status=OrderStatus.CONFIRMED)
    await shop.command(order, "ship", "seller", carrier="DHL", tracking_number="JD01")


async def deliver(shop: Shop, order: str) -> None:
    await shop.command(order, "deliver")


async def cancel(shop: Shop, order: str) -> None:
    await shop.command(order, "cancel")


async def call_own_part_off(shop: Shop, order: str) -> None:
    await shop.becomes(order, status=OrderStatus.CONFIRMED)
    await shop.command(order, "cancel", "seller")


async def ship_the_rest(shop: Shop, order: str) -> None:
    await shop.command(order, "ship", "admin", carrier="DHL", tracking_number="JD02")


async def pay_otherwise(shop: Shop, order: str) -> None:
    await shop.command(order, "pay", payment={"method": "card", "payment_method_id": "pm_card_visa"})


async def pass_challenge(shop: Shop, order: str) -> None:
    await shop.decide(order)


async def pass_challenge_unheard(shop: Shop, order: str) -> None:
    """The provider's webhooks about it are lost; a sweep finds out."""
    await asyncio.to_thread(lambda: shop.arena.stripe.script(webhooks=DEAF))
    await shop.decide(order)
    await asyncio.to_thread(shop.arena.stripe.script)
    await shop.swept(order)


async def mistake_for_another(shop: Shop, order: str) -> None:
    """Cancelled and renamed at the provider, the payment can neither go on nor be unwound, until its name is mended."""
    intent, waker = await shop.intent(order), TemporalWaker(shop.arena.temporal)

    async def reported() -> bool:
        return order in await shop.incidents()

    await shop.at_provider(intent, **{"metadata[order_id]": new_id("ord")})
    await shop.at_provider(intent, "/cancel")
    assert await waker.order(order)
    await shop.until(reported, "no incident tells of it")
    await shop.at_provider(intent, **{"metadata[order_id]": order})
    assert await waker.order(order)


async def look_over(shop: Shop, order: str) -> None:
    await shop.audited(order)


async def send_mails(shop: Shop, order: str) -> None:
    await shop.mailed(order)


async def hold_and_release(shop: Shop, order: str) -> None:
    await shop.command(order, "hold", "admin", reason="address_check")
    await shop.command(order, "release", "admin")


def money(**known: int) -> ProviderPayment:
    nothing = dict.fromkeys(("authorized", "captured", "refunded", "voided", "captures", "refunds"), 0)
    return ProviderPayment(currency="USD", intents=1, **{**nothing, **known})


_SOLD = (OrderStatus.COMPLETED, PaymentStatus.COMPLETED)
_REFUNDED = (OrderStatus.CANCELLED, PaymentStatus.REFUNDED)
_UNPAID = (OrderStatus.CANCELLED, PaymentStatus.CANCELLED)
_TAKEN = money(authorized=TOTAL, captured=TOTAL, captures=1)
_GIVEN_UP = (OrderStatus.FAILED, PaymentStatus.CANCELLED)
_RETURNED = money(authorized=TOTAL, captured=TOTAL, captures=1, refunded=TOTAL, refunds=1)
_RELEASED = money(authorized=TOTAL, voided=TOTAL)
# Of two parts one is called off: 19.99 and its tax.
_PART = 2144
_WHOLE = TOTAL + _PART
_PART_REFUNDED = money(authorized=_WHOLE, captured=_WHOLE, captures=1, refunded=_PART, refunds=1)
_PART_RELEASED = money(authorized=_WHOLE, captured=TOTAL, captures=1, voided=_PART)
_PARTLY = (OrderStatus.COMPLETED, PaymentStatus.PARTIALLY_REFUNDED)
_DECLINED, _CHALLENGED = "pm_card_chargeDeclined", "pm_card_authenticationRequired"

STORIES = {
    "automatic": Story((ship, deliver), _SOLD, _TAKEN),
    "manual": Story((ship, deliver), _SOLD, _TAKEN, capture="manual"),
    "another_card": Story((pay_otherwise, ship, deliver), _SOLD, _TAKEN, card=_DECLINED),
    "at_the_bank": Story((pass_challenge, ship, deliver), _SOLD, _TAKEN, card=_CHALLENGED),
    "found_by_a_sweep": Story((pass_challenge_unheard, ship, deliver), _SOLD, _TAKEN, card=_CHALLENGED),
    "looked_over": Story((look_over, ship, deliver), _SOLD, _TAKEN),
    "mailed": Story((send_mails, ship, deliver), _SOLD, _TAKEN),
    "mistaken": Story((mistake_for_another,), _GIVEN_UP, money(), card=_CHALLENGED, attention=True),
    "held": Story((hold_and_release, ship, deliver), _SOLD, _TAKEN),
    "cancelled_paid": Story((cancel,), _REFUNDED, _RETURNED),
    "cancelled_held": Story((cancel,), _UNPAID, _RELEASED, capture="manual"),
    "part_refunded": Story((call_own_part_off, ship_the_rest, deliver), _PARTLY, _PART_REFUNDED, in_parts=True),
    "part_released": Story(
        (call_own_part_off, ship_the_rest, deliver), _SOLD, _PART_RELEASED, capture="manual", in_parts=True
    ),
    "refunded_later": Story((cancel,), _REFUNDED, _RETURNED, card="pm_card_pendingRefund"),
    "expired": Story((), _UNPAID, money(), card=_DECLINED, hasty=True),
}


@asynccontextmanager
async def open_shop(arena: Arena, draws: Random, patience: float = PATIENCE_SECONDS) -> AsyncIterator[Shop]:
    listening = free_listener()
    hasty = quick_app(replace(arena.app.state.wiring, policy=_HASTE))
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    tokens = {str(role): arena.tokens.issue(arena.people[role], role) for role in Role}
    product = await arena.product(on_hand=ON_HAND)
    other = await arena.product(on_hand=ON_HAND, seller=await arena.new_account(Role.SELLER))
    async with (
        serving(hasty, listening),
        httpx2.AsyncClient(base_url=url, timeout=TIMEOUT_SECONDS, verify=NO_TLS) as quick,
        httpx2.AsyncClient(base_url=arena.http.base_url, timeout=TIMEOUT_SECONDS, verify=NO_TLS) as http,
    ):
        shop = Shop(arena, Client(http, tokens, patience), Client(quick, tokens, patience), product, other, draws)
        shop.peace.set()
        yield shop
