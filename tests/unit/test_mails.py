"""What is told whom, what becomes of a mail that does not get through, and what letters say."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from activities.letters import SUBJECTS, Letters
from domain.events import EventType
from domain.fulfilment import FulfilmentStatus
from domain.mails import (
    STALE,
    TOLD,
    Away,
    Deferred,
    Delivered,
    Letter,
    MailKind,
    MailState,
    Outcome,
    Rejected,
    Told,
    judged,
    overtaken,
    pause,
    told,
)
from domain.money import EXPONENTS, Money
from domain.order_view import ChooseMethod, FulfilmentView, LineView, OrderView, TotalsView
from domain.orders import CancelReason, OrderStatus
from domain.payments import PaymentStatus
from tests.support.sales import ANN, BEN, ORDER, PRODUCT

AT = datetime(2026, 11, 22, 7, 0, tzinfo=UTC)
FULFILMENT, LINE = (f"{prefix}_00000000000000000000000000" for prefix in ("ful", "lin"))


def dollars(amount: int) -> Money:
    return Money(amount=amount, currency="USD")


def line(name: str = "Anchor shackle", seller: str = BEN, total: int = 3998) -> LineView:
    return LineView(
        id=LINE,
        product_id=PRODUCT,
        seller_id=seller,
        fulfilment_id=FULFILMENT,
        name=name,
        quantity=2,
        unit_price=dollars(1999),
        subtotal=dollars(total),
        discount=dollars(0),
        tax=dollars(0),
        total=dollars(total),
    )


def order(**other: Any) -> OrderView:
    shipment = FulfilmentView(
        id=FULFILMENT,
        seller_id=BEN,
        status=FulfilmentStatus.SHIPPED,
        carrier="DHL",
        tracking_number="JD01",
        tracking_url="https://track.example/JD01",
    )
    totals = TotalsView(
        subtotal=dollars(3998), discount=dollars(0), tax=dollars(0), shipping=dollars(500), total=dollars(4498)
    )
    given = {
        "id": ORDER,
        "created": AT,
        "updated": AT,
        "number": "O-100001",
        "buyer_id": ANN,
        "status": OrderStatus.CONFIRMED,
        "payment_status": PaymentStatus.COMPLETED,
        "lines": (line(),),
        "totals": totals,
        "fulfilments": (shipment,),
        "payments": (),
        "refunds": (),
        "shipping_method": "standard",
        "shipping_address": None,
        **other,
    }
    return OrderView.model_validate(given)


def written(kind: MailKind, view: OrderView | None = None, *, locale: str = "en_US", **other: Any) -> Letter:
    letters = Letters(shop="Quay & Co", domain="shop.example", locale=locale)
    given = {"name": "Ada", "data": {"amount": 4498, "fulfilments": [FULFILMENT]}, **other}
    return letters.write("mai_1", kind, date=AT, address="ada@example.com", order=view or order(), **given)


@pytest.mark.parametrize("locale", ["en_US", "de_DE"])
@pytest.mark.parametrize("currency", EXPONENTS)
def test_amounts_have_the_decimal_places_that_are_charged(currency: str, locale: str) -> None:
    def money(amount: int) -> Money:
        return Money(amount=amount, currency=currency)

    totals = TotalsView(subtotal=money(1234), discount=money(0), tax=money(0), shipping=money(766), total=money(2000))

    text = written(MailKind.ORDER_CONFIRMED, order(totals=totals), locale=locale).text

    whole, point = ("2,000", ".") if locale == "en_US" else ("2.000", ",")
    assert {0: whole, 2: f"20{point}00", 3: f"2{point}000"}[EXPONENTS[currency]] in text


def test_each_kind_of_mail_is_told_at_some_event() -> None:
    kinds = {kind for whom in TOLD.values() for kind in whom if kind is not None}

    assert kinds == set(MailKind) == set(SUBJECTS)


@pytest.mark.parametrize("event", [EventType.ORDER_CANCELLED, EventType.ORDER_FAILED])
def test_sellers_hear_of_the_end_of_an_order_that_they_heard_of_only(event: EventType) -> None:
    assert told(event, confirmed=False).sellers is None
    assert told(event, confirmed=True).sellers is MailKind.SALE_CANCELLED
    assert told(event, confirmed=False).buyer is told(event, confirmed=True).buyer


@pytest.mark.parametrize("event", ["order.placed", "payment.unknown", "order.completed", "of a later release"])
def test_what_is_no_news_is_told_nobody(event: str) -> None:
    assert told(event, confirmed=True) == Told(None, None)


@pytest.mark.parametrize(
    ("outcome", "attempts", "age", "state"),
    [
        (Delivered(), 1, timedelta(0), MailState.SENT),
        (Rejected(reason="550"), 1, timedelta(0), MailState.FAILED),
        (Deferred(reason="451"), 1, timedelta(0), MailState.WAITING),
        (Deferred(reason="451"), 100, STALE, MailState.WAITING),
        (Deferred(reason="451"), 1, STALE + timedelta(seconds=1), MailState.FAILED),
        (Away(reason="SMTPConnectError"), 1, timedelta(0), MailState.WAITING),
        (Away(reason="SMTPConnectError"), 100, STALE, MailState.WAITING),
        (Away(reason="SMTPConnectError"), 1, STALE + timedelta(seconds=1), MailState.FAILED),
    ],
)
def test_a_mail_is_given_up_when_it_is_refused_and_waits_for_what_may_pass_while_it_is_of_use(
    outcome: Outcome, attempts: int, age: timedelta, state: MailState
) -> None:
    verdict = judged(outcome, attempts, AT - age, AT)

    assert verdict.state is state
    assert verdict.due == (AT + pause(attempts) if state is MailState.WAITING else AT)


def test_pauses_grow_up_to_a_limit() -> None:
    pauses = [pause(attempts) for attempts in range(1, 1000)]

    assert pauses[:3] == [timedelta(seconds=30), timedelta(minutes=1), timedelta(minutes=2)]
    assert pauses == sorted(pauses)
    assert pauses[-1] == timedelta(hours=6)


def test_another_card_is_asked_for_only_while_it_is_needed() -> None:
    assert not overtaken(MailKind.PAYMENT_DECLINED, order(status=OrderStatus.PENDING), ANN)
    assert overtaken(MailKind.PAYMENT_DECLINED, order(), ANN)
    assert not overtaken(MailKind.ORDER_CONFIRMED, order(status=OrderStatus.CANCELLED), ANN)


def part(seller: str, status: FulfilmentStatus) -> FulfilmentView:
    return FulfilmentView(id=FULFILMENT, seller_id=seller, status=status)


@pytest.mark.parametrize("status", OrderStatus)
def test_nobody_is_asked_to_ship_for_an_order_that_has_ended(status: OrderStatus) -> None:
    ended = status in {OrderStatus.CANCELLED, OrderStatus.FAILED}

    assert overtaken(MailKind.SALE_CONFIRMED, order(status=status), BEN) is ended
    assert not overtaken(MailKind.SALE_CANCELLED, order(status=status), BEN)


def test_nobody_is_asked_to_ship_what_was_called_off() -> None:
    off, on = FulfilmentStatus.CANCELLED, FulfilmentStatus.PENDING
    sold = order(fulfilments=(part(ANN, off), part(BEN, off), part(BEN, on)))

    assert overtaken(MailKind.SALE_CONFIRMED, sold, ANN)
    assert not overtaken(MailKind.SALE_CONFIRMED, sold, BEN)
    assert not overtaken(MailKind.SALE_CANCELLED, sold, ANN)


@pytest.mark.parametrize("kind", MailKind)
def test_every_letter_can_be_written_and_names_its_order(kind: MailKind) -> None:
    letter = written(kind)

    assert letter.message_id == "<mai_1@shop.example>"
    assert letter.subject == SUBJECTS[kind].format("O-100001")
    assert "O-100001" in letter.text
    assert letter.text.startswith("Hello Ada,\n\n")
    assert letter.text.endswith("\n\nQuay & Co\n")
    assert "<p>Quay &amp; Co</p>" in letter.html
    assert "\n\n\n" not in letter.text
    assert "{" not in letter.text


def test_letters_say_what_happened() -> None:
    confirmed, shipped, paid = (
        written(kind).text for kind in (MailKind.ORDER_CONFIRMED, MailKind.SHIPMENT_SENT, MailKind.PAYMENT_RECEIVED)
    )

    assert "2 x Anchor shackle: $39.98\nShipping: $5.00\nTotal: $44.98\n" in confirmed
    assert "Carrier: DHL\nTracking number: JD01\nFollow it at: https://track.example/JD01\n" in shipped
    assert "your payment of $44.98" in paid


@pytest.mark.parametrize(
    ("locale", "amount"), [("en_US", "$44.98"), ("de_DE", "44,98\N{NO-BREAK SPACE}$"), ("ja_JP", "$44.98")]
)
def test_money_looks_as_the_locale_has_it(locale: str, amount: str) -> None:
    assert amount in written(MailKind.REFUND_PAID, locale=locale).text


def test_money_has_as_many_places_as_its_currency() -> None:
    yen = Money(amount=4498, currency="JPY")
    totals = TotalsView(subtotal=yen, discount=yen, tax=yen, shipping=yen, total=yen)

    assert "¥4,498 for" in written(MailKind.REFUND_PAID, order(totals=totals)).text


def test_a_decline_says_until_when_another_card_is_taken() -> None:
    waiting = order(status=OrderStatus.PENDING, next_action=ChooseMethod(until=AT))

    assert (
        "until Nov 22, 2026, 7:00:00\N{NARROW NO-BREAK SPACE}AM UTC" in written(MailKind.PAYMENT_DECLINED, waiting).text
    )


@pytest.mark.parametrize(
    ("reason", "said"),
    [(CancelReason.EXPIRED, "was not paid in time"), (CancelReason.REQUESTED, "O-100001 is cancelled.")],
)
def test_a_cancellation_says_why(reason: CancelReason, said: str) -> None:
    assert said in written(MailKind.ORDER_CANCELLED, order(cancel_reason=reason)).text


def test_what_people_wrote_is_one_line_of_text_and_no_markup() -> None:
    evil = "Ada\r\nBcc: all@example.com\r\n\r\n<script>alert(1)</script>\u2028{{ shop }}\x1b[2J"

    letter = written(MailKind.ORDER_CONFIRMED, order(lines=(line(evil),)), name=evil)

    one_line = "Ada Bcc: all@example.com <script>alert(1)</script> {{ shop }}[2J"
    assert letter.text.startswith(f"Hello {one_line},\n\n")
    assert f"2 x {one_line}: $39.98\n" in letter.text
    assert letter.html.count("&lt;script&gt;alert(1)&lt;/script&gt;") == 2
    assert "<script>" not in letter.html
    assert "\n" not in letter.subject


def test_a_letter_that_lacks_what_it_should_say_is_not_written() -> None:
    with pytest.raises(Exception, match="amount"):
        written(MailKind.PAYMENT_RECEIVED, data={})


def test_a_part_that_is_called_off_is_told_with_its_goods() -> None:
    letter = written(MailKind.PART_CANCELLED)

    assert letter.subject == "A part of your order O-100001 is cancelled"
    assert "2 x" in letter.text


def test_a_discount_is_told_with_the_total() -> None:
    reduced = order().totals.model_copy(update={"discount": dollars(400)})

    assert "Discount" not in written(MailKind.ORDER_CONFIRMED).text
    assert "$4.00" in written(MailKind.ORDER_CONFIRMED, order(totals=reduced)).text
