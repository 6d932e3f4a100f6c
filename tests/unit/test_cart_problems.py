"""What stands in the way of ordering a cart."""

from datetime import UTC, datetime
from typing import Any

from db.ids import new_id
from domain.carts import CartItemView, CartProblem, ProblemCode, problems
from domain.money import MAX_AMOUNT, Money

AT = datetime(2026, 3, 1, tzinfo=UTC)


def item(quantity: int = 1, then: int = 1999, now: int = 1999, currency: str = "USD", **more: Any) -> CartItemView:
    return CartItemView(
        id=new_id("cit"),
        created=AT,
        product_id=new_id("prd"),
        name="Shackle",
        quantity=quantity,
        unit_price=Money(amount=then, currency=currency),
        price=Money(amount=now, currency=currency),
        **{"active": True, **more},
    )


def codes(found: list[CartProblem]) -> list[str]:
    return [each.code.value for each in found]


def test_nothing_is_wrong_with_goods_that_are_there_at_their_price() -> None:
    assert problems([(item(3), 3), (item(1), 100)]) == []


def test_an_empty_cart_can_not_be_ordered() -> None:
    assert codes(problems([])) == ["cart_empty"]


def test_what_is_no_longer_sold_has_no_other_problem() -> None:
    gone = item(5, now=1, active=False)

    found = problems([(gone, 0), (item(), 1)])

    assert [(each.code, each.item_id, each.product_id) for each in found] == [
        (ProblemCode.PRODUCT_UNAVAILABLE, gone.id, gone.product_id)
    ]


def test_too_few_and_another_price_are_both_told() -> None:
    changed = item(5, then=1000, now=1200)

    found = problems([(changed, 4)])

    assert codes(found) == ["out_of_stock", "price_changed"]
    assert {each.item_id for each in found} == {changed.id}
    assert found[0].detail == f"5 of {changed.product_id} were asked for; 4 can be sold."
    assert found[1].detail == "It costs 1200 USD by now, and 1000 USD when it was put in."
    assert [each.refuses for each in found] == [True, False]


def test_goods_of_two_currencies_make_no_order() -> None:
    assert codes(problems([(item(), 1), (item(currency="EUR"), 1)])) == ["mixed_currencies"]


def test_goods_that_are_gone_mix_no_currencies() -> None:
    assert codes(problems([(item(), 1), (item(currency="EUR", active=False), 1)])) == ["product_unavailable"]


def test_more_than_an_order_may_cost_is_too_much() -> None:
    dear = MAX_AMOUNT // 2

    assert codes(problems([(item(then=dear, now=dear), 1)])) == []
    assert codes(problems([(item(then=dear, now=dear), 1), (item(then=1, now=1), 1)])) == ["total_too_large"]
