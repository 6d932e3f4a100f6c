"""Orders written by the activities alone, without workflows, and what the provider would know of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from activities.attempts import AttemptActivities, RecordAttempt
from activities.cancellation import Cancellation, CancellationActivities, RecordVoid, Reversal
from activities.fulfilment import FulfilmentActivities, FulfilmentStep
from activities.orders import CompleteOrder, OrderActivities, PlacedOrder, PlaceOrder
from activities.refunds import RecordRefund, RefundActivities
from db import stock
from db.books import check
from db.ids import new_id
from db.seed import seed_prices
from db.session import Database
from db.tables import Account, Discount, Product, Request
from domain.addresses import Destination
from domain.books import Finding, ProviderPayment, ProviderTruth
from domain.discounts import DiscountKind
from domain.gateway import Authorized, Captured, Declined, PaymentOutcome, Refunded, Voided
from domain.orders import CancelReason, Command, Item, Placement, Policy, Role
from domain.payments import CaptureMode, Choice, PaymentMethod
from tests.support.arena import ADDRESS


@dataclass
class Trade:
    """Orders driven by the activities themselves, and what the provider would know of them."""

    database: Database
    orders: dict[str, str] = field(default_factory=dict)
    truth: dict[str, ProviderPayment] = field(default_factory=dict)
    people: dict[Role, str] = field(default_factory=dict)
    product: str = ""
    # Given with every order.
    code: str | None = None
    time: datetime = datetime(2026, 3, 1, tzinfo=UTC)

    @property
    def at(self) -> datetime:
        self.time += timedelta(seconds=1)
        return self.time

    async def open(self) -> None:
        async with self.database.transaction() as session:
            await seed_prices(session)
            for role in Role:
                self.people[role] = account = new_id("acc")
                email = f"{role}@example.com"
                row = Account(id=account, email=email, name=role, role=role, password_hash="unused", created=self.at)
                session.add(row)
            await session.flush()
            product = Product(
                id=new_id("prd"),
                seller_id=self.people[Role.SELLER],
                own_sale=False,
                name="Anchor shackle",
                price=1999,
                currency="USD",
                created=self.at,
                updated=self.at,
            )
            session.add(product)
            await session.flush()
            stock.open_stock(session, product.id, 100, self.at)
            self.product = product.id

    async def offer(self, code: str, uses: int | None = None) -> None:
        """A code that takes a dollar off; all orders from now on are placed with it."""
        async with self.database.transaction() as session:
            terms = {"kind": DiscountKind.FIXED, "amount": 100, "currency": "USD"}
            session.add(Discount(id=new_id("dsc"), code=code, uses=uses, created=self.at, updated=self.at, **terms))
        self.code = code

    async def claim(self, body: Mapping[str, Any]) -> str:
        async with self.database.transaction() as session:
            row = Request(
                id=new_id("req"),
                account_id=self.people[Role.BUYER],
                route="POST /v1/orders",
                key=str(uuid4()),
                fingerprint=b"",
                resource_id="",
                body=dict(body),
                created=self.at,
            )
            session.add(row)
        return row.id

    async def placement(self, name: str, capture: CaptureMode = CaptureMode.AUTOMATIC) -> Placement:
        """What a workflow would be started with; its claim stands."""
        self.orders[name] = new_id("ord")
        return Placement(
            order_id=self.orders[name],
            request_id=await self.claim({"shipping_address": ADDRESS, "discount_code": self.code}),
            buyer_id=self.people[Role.BUYER],
            items=(Item(product_id=self.product, quantity=2),),
            currency="USD",
            destination=Destination(country="US", region="CA", postal_code="94601"),
            shipping_method="standard",
            payment=Choice(method=PaymentMethod.CARD, payment_method_id="pm_card_visa", capture=capture),
            policy=Policy(payment_deadline=1800, inspection_window=3600),
            correlation_id="test",
        )

    async def place(self, name: str, capture: CaptureMode = CaptureMode.AUTOMATIC) -> tuple[Placement, PlacedOrder]:
        placement = await self.placement(name, capture)
        step = PlaceOrder(placement=placement, run_id=name, at=self.at)
        return placement, await OrderActivities(self.database).place(step)

    async def pay(self, name: str, outcome: Callable[[int], PaymentOutcome], **truth: int) -> None:
        capture = CaptureMode.MANUAL if isinstance(outcome(0), Authorized) else CaptureMode.AUTOMATIC
        placement, placed = await self.place(name, capture)
        request = placed.first_attempt
        assert request is not None, "the trade's orders cost something"
        step = RecordAttempt(
            request=request,
            number=1,
            outcome=outcome(request.amount),
            request_id=placement.request_id,
            correlation_id="test",
            at=self.at,
        )
        await AttemptActivities(self.database).record(step)
        self.truth[self.orders[name]] = provider_payment(
            **{key: request.amount if value else 0 for key, value in truth.items()}
        )

    async def deliver(self, name: str) -> None:
        order = self.orders[name]
        fulfilment = FulfilmentActivities(self.database)
        await fulfilment.ship(await self._command(order, carrier="DHL", tracking_number="JD01"))
        await fulfilment.deliver(await self._command(order))
        await OrderActivities(self.database).complete(CompleteOrder(order_id=order, correlation_id="test", at=self.at))

    async def cancel(self, name: str) -> Reversal:
        """Cancelled, with what its money still needs: a void is done at once, a refund is left to `refund`."""
        activities = CancellationActivities(self.database)
        cancellation = Cancellation(
            order_id=self.orders[name],
            reason=CancelReason.REQUESTED,
            restock=True,
            request_id=None,
            correlation_id="test",
            at=self.at,
        )
        reversal = await activities.begin(cancellation)
        if reversal.void is not None:
            voided = Voided(reference="pi_1")
            step = RecordVoid(request=reversal.void, outcome=voided, correlation_id="test", at=self.at)
            await activities.record_void(step)
        await activities.finish(cancellation)
        return reversal

    async def refund(self, reversal: Reversal) -> None:
        assert reversal.refund is not None
        outcome = Refunded(reference="re_1", amount=reversal.refund.amount)
        step = RecordRefund(refund=reversal.refund, outcome=outcome, at=self.at)
        await RefundActivities(self.database).record(step)

    def tell(self, name: str, **other: Any) -> None:
        """The provider knows something else of the order."""
        order = self.orders[name]
        self.truth[order] = self.truth.get(order, provider_payment()).model_copy(update=other)

    async def findings(self) -> tuple[Finding, ...]:
        return await check(self.database, {"stripe": ProviderTruth(payments=self.truth)})

    async def _command(self, order: str, **body: str) -> FulfilmentStep:
        command = Command(
            request_id=await self.claim(body),
            actor_id=self.people[Role.ADMIN],
            role=Role.ADMIN,
            correlation_id="test",
        )
        return FulfilmentStep(order_id=order, command=command, at=self.at)


def provider_payment(**known: int) -> ProviderPayment:
    return ProviderPayment(
        currency="USD",
        **{
            **dict.fromkeys(("authorized", "captured", "refunded", "voided"), 0),
            "intents": 1,
            "captures": int(known.get("captured", 0) > 0),
            "refunds": 0,
            **known,
        },
    )


def captured(amount: int) -> PaymentOutcome:
    return Captured(reference="pi_1", amount=amount)


def authorized(amount: int) -> PaymentOutcome:
    return Authorized(reference="pi_1", amount=amount)


def declined(_: int) -> PaymentOutcome:
    return Declined(reference="pi_1", code="insufficient_funds", soft=True, message="No.")
