"""What a seller sees of an order: own lines and fulfilments, where to ship, and nothing of the buyer's payment."""

from datetime import UTC, datetime

import pytest

from domain.addresses import Address
from domain.fulfilment import FulfilmentStatus
from domain.money import Money
from domain.order_view import (
    ChooseMethod,
    FulfilmentView,
    LineView,
    OrderView,
    PaymentView,
    RefundView,
    ThreeDS,
    TotalsView,
)
from domain.orders import OrderStatus
from domain.payments import CaptureMode, PaymentMethod, PaymentStatus
from domain.refunds import RefundReason, RefundStatus
from tests.support.sales import ANN, BEN, CAT, ORDER, PAYMENT, PRODUCT

AT = datetime(2026, 3, 1, tzinfo=UTC)
SECRET = "pi_1_secret_2"
HOME = Address(name="Ada Example", line1="1 Quay Street", city="Oakland", country="US")
NOTES = "At the gate, please."
OFFICE = Address(name="Ada Billing", line1="9 Ledger Lane", city="Oakland", country="US")


def money(amount: int) -> Money:
    return Money(amount=amount, currency="USD")


def fulfilment_of(seller: str) -> str:
    return seller.replace("acc_", "ful_")


def line(seller: str, number: int, subtotal: int, tax: int) -> LineView:
    return LineView(
        id=f"lin_0000000000000000000000000{number}",
        product_id=PRODUCT,
        seller_id=seller,
        fulfilment_id=fulfilment_of(seller),
        name="Shackle",
        quantity=1,
        unit_price=money(subtotal),
        subtotal=money(subtotal),
        discount=money(0),
        tax=money(tax),
        total=money(subtotal + tax),
    )


def payment() -> PaymentView:
    return PaymentView(
        id=PAYMENT,
        created=AT,
        number="P-100001",
        order_id=ORDER,
        method=PaymentMethod.CARD,
        capture=CaptureMode.AUTOMATIC,
        provider="stripe",
        status=PaymentStatus.COMPLETED,
        amount=money(6930),
        authorized=money(6930),
        captured=money(6930),
        refunded=money(0),
        capture_before=None,
        attempts=(),
    )


@pytest.fixture
def order() -> OrderView:
    refund = RefundView(
        id="ref_00000000000000000000000000",
        created=AT,
        number="R-100001",
        status=RefundStatus.PENDING,
        reason=RefundReason.OTHER,
        amount=money(1),
    )
    return OrderView(
        id=ORDER,
        created=AT,
        updated=AT,
        number="O-100001",
        buyer_id=CAT,
        status=OrderStatus.CONFIRMED,
        payment_status=PaymentStatus.COMPLETED,
        next_action=ThreeDS(client_secret=SECRET),
        lines=(line(ANN, 1, 1000, 73), line(BEN, 2, 3000, 218), line(ANN, 3, 2000, 145)),
        totals=TotalsView(
            subtotal=money(6000), discount=money(0), tax=money(436), shipping=money(494), total=money(6930)
        ),
        fulfilments=tuple(
            FulfilmentView(id=fulfilment_of(each), seller_id=each, status=FulfilmentStatus.PENDING)
            for each in (ANN, BEN)
        ),
        payments=(payment(),),
        refunds=(refund,),
        shipping_method="standard",
        shipping_address=HOME,
        billing_address=OFFICE,
        notes=NOTES,
    )


def test_a_seller_sees_own_lines_and_fulfilment_only(order: OrderView) -> None:
    seen = order.for_seller(ANN)

    assert [each.id[-1] for each in seen.lines] == ["1", "3"]
    assert [each.seller_id for each in seen.fulfilments] == [ANN]


def test_a_seller_s_totals_are_those_of_the_own_lines(order: OrderView) -> None:
    assert order.for_seller(ANN).totals == TotalsView(
        subtotal=money(3000), discount=money(0), tax=money(218), shipping=money(0), total=money(3218)
    )


def test_that_another_s_goods_were_refunded_is_not_told(order: OrderView) -> None:
    partly = order.model_copy(update={"payment_status": PaymentStatus.PARTIALLY_REFUNDED})

    assert partly.for_seller(ANN).payment_status is PaymentStatus.COMPLETED
    for status in set(PaymentStatus) - {PaymentStatus.PARTIALLY_REFUNDED}:
        assert order.model_copy(update={"payment_status": status}).for_seller(ANN).payment_status is status


def test_each_seller_sees_the_own_note_and_the_buyer_none(order: OrderView) -> None:
    noted = order.model_copy(update={"seller_notes": {fulfilment_of(ANN): "wrap", fulfilment_of(BEN): "weigh"}})

    assert noted.for_seller(BEN).seller_notes == {fulfilment_of(BEN): "weigh"}
    assert noted.for_buyer().seller_notes == {}


def with_parts(order: OrderView, **status: FulfilmentStatus) -> OrderView:
    """The order with the parts of ANN and BEN as said."""
    of = {ANN: status["ann"], BEN: status["ben"]}
    parts = tuple(each.model_copy(update={"status": of[each.seller_id]}) for each in order.fulfilments)
    return order.model_copy(update={"fulfilments": parts})


@pytest.mark.parametrize("status", OrderStatus)
def test_a_seller_sees_where_to_ship_to_of_an_order_that_was_paid_and_stands(
    order: OrderView, status: OrderStatus
) -> None:
    seen = order.model_copy(update={"status": status}).for_seller(BEN)

    stands = status not in {OrderStatus.PENDING, OrderStatus.CANCELLED, OrderStatus.FAILED}
    assert (seen.shipping_address, seen.notes) == ((HOME, NOTES) if stands else (None, None))
    assert ("Ada" in seen.model_dump_json()) is stands


def test_whose_parts_are_all_called_off_sees_no_longer_where_the_buyer_lives(order: OrderView) -> None:
    off = with_parts(order, ann=FulfilmentStatus.SHIPPED, ben=FulfilmentStatus.CANCELLED)

    assert (off.for_seller(BEN).shipping_address, off.for_seller(BEN).notes) == (None, None)
    assert (off.for_seller(ANN).shipping_address, off.for_seller(ANN).notes) == (HOME, NOTES)


def test_one_part_that_is_left_is_shipped(order: OrderView) -> None:
    off = order.fulfilments[0].model_copy(update={"status": FulfilmentStatus.CANCELLED})
    both = order.model_copy(update={"fulfilments": (off, *order.fulfilments)})

    assert both.for_seller(ANN).shipping_address == HOME


def test_who_sells_nothing_of_it_never_sees_where_the_buyer_lives(order: OrderView) -> None:
    assert (order.for_seller(CAT).shipping_address, order.for_seller(CAT).notes) == (None, None)


def test_buyers_and_staff_see_the_address_of_an_order_that_has_ended(order: OrderView) -> None:
    ended = with_parts(order, ann=FulfilmentStatus.CANCELLED, ben=FulfilmentStatus.CANCELLED).model_copy(
        update={"status": OrderStatus.CANCELLED}
    )

    assert (ended.for_buyer().shipping_address, ended.for_buyer().notes) == (HOME, NOTES)


@pytest.mark.parametrize("seller", [ANN, BEN])
def test_a_seller_never_sees_how_the_buyer_paid(order: OrderView, seller: str) -> None:
    seen = order.for_seller(seller)

    assert (seen.payments, seen.refunds, seen.next_action, seen.billing_address) == ((), (), None, None)
    told = seen.model_dump_json()
    other = BEN if seller == ANN else ANN
    for hidden in (SECRET, "P-100001", "R-100001", "Ada Billing", other, "6930", "494", fulfilment_of(other)):
        assert hidden not in told


def test_a_choice_of_another_method_is_the_buyer_s_alone(order: OrderView) -> None:
    declined = order.model_copy(update={"next_action": ChooseMethod(until=AT)})

    assert declined.for_seller(ANN).next_action is None


def test_who_sells_nothing_of_it_sees_nothing_of_it(order: OrderView) -> None:
    seen = order.for_seller(CAT)

    assert (seen.lines, seen.fulfilments, seen.totals.total) == ((), (), money(0))


def test_the_order_itself_is_left_as_it_is(order: OrderView) -> None:
    before = order.model_dump_json()

    order.for_seller(ANN)

    assert order.model_dump_json() == before
