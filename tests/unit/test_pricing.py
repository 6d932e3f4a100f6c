"""What an order costs: tax by (seller, rate) on the sum, lines that add up to the total, no other total than agreed."""

from decimal import Decimal

import pytest
from hypothesis import given

from domain.errors import PriceChanged, TotalTooLarge
from domain.money import MAX_AMOUNT
from domain.pricing import Quote, TaxRate, Totals, check_expected, quote
from tests.support.sales import ANN, BEN, REDUCED_VAT, SALES_TAX, VAT, any_quote, sale, unhurried

NINETEEN = TaxRate(rate=Decimal("0.19"))


def taxes(quoted: Quote) -> list[int]:
    return [line.tax for line in quoted.lines]


def test_tax_is_computed_on_the_sum_and_not_line_by_line() -> None:
    lines = [sale(33, tax=NINETEEN) for _ in range(30)]

    quoted = quote("EUR", lines, 0)

    assert quoted.totals == Totals(subtotal=990, discount=0, tax=188, shipping=0, total=1178)
    assert taxes(quoted) == [7] * 8 + [6] * 22


def test_inclusive_tax_is_a_part_of_the_price() -> None:
    quoted = quote("EUR", [sale(1190, tax=VAT)], 0)

    assert quoted.totals == Totals(subtotal=1190, discount=0, tax=190, shipping=0, total=1190)
    assert quoted.lines[0].total == 1190


def test_exclusive_tax_comes_on_top_of_the_price() -> None:
    quoted = quote("USD", [sale(1999, 3, tax=SALES_TAX)], 500)

    assert quoted.totals == Totals(subtotal=5997, discount=0, tax=435, shipping=500, total=6932)
    assert quoted.lines[0].total == 5997 + 435


def test_half_a_unit_of_tax_is_rounded_up() -> None:
    ten = TaxRate(rate=Decimal("0.1"))

    assert quote("USD", [sale(5, tax=ten)], 0).totals.tax == 1
    assert quote("USD", [sale(4, tax=ten)], 0).totals.tax == 0


def test_two_sellers_are_taxed_apart() -> None:
    # 33 * 0.19 = 6.27: two cents of tax would move if the sellers' goods were taxed together.
    lines = [sale(33, seller=seller, tax=NINETEEN) for seller in (ANN, BEN, ANN, BEN, ANN, BEN)]

    quoted = quote("EUR", lines, 0)

    assert taxes(quoted) == [7, 7, 6, 6, 6, 6]
    assert quoted.totals.tax == 19 + 19


def test_two_rates_of_one_seller_are_taxed_apart() -> None:
    lines = [sale(1070, tax=REDUCED_VAT), sale(1190, tax=VAT), sale(107, tax=REDUCED_VAT)]

    quoted = quote("EUR", lines, 0)

    assert taxes(quoted) == [70, 190, 7]


def test_the_same_rate_inclusive_and_exclusive_is_two_rates() -> None:
    quoted = quote("EUR", [sale(1190, tax=VAT), sale(1000, tax=NINETEEN)], 0)

    assert taxes(quoted) == [190, 190]
    assert quoted.totals.total == 1190 + 1190


def test_a_discount_lowers_the_tax_base_and_is_split_by_what_lines_cost() -> None:
    quoted = quote("USD", [sale(1000, tax=SALES_TAX), sale(3000, tax=SALES_TAX)], 500, reduction=1000)

    assert [line.discount for line in quoted.lines] == [250, 750]
    # 7.25 % of 3000, not of 4000.
    assert quoted.totals == Totals(subtotal=4000, discount=1000, tax=218, shipping=500, total=3718)


def test_a_discount_of_everything_leaves_the_shipping() -> None:
    quoted = quote("EUR", [sale(1190, tax=VAT), sale(0)], 490, VAT, reduction=1190)

    assert quoted.totals == Totals(subtotal=1190, discount=1190, tax=78, shipping=490, total=490)
    assert taxes(quoted) == [0, 0]


def test_commission_is_of_what_a_line_earns_its_seller_whatever_its_discount() -> None:
    lines = [sale(1190, tax=VAT, commission="0.1"), sale(1000, own=True, tax=SALES_TAX, commission="0.1")]

    whole, reduced = quote("EUR", lines, 0), quote("EUR", lines, 0, reduction=1095)

    assert [line.commission for line in whole.lines] == [100, 0]
    assert [line.commission for line in reduced.lines] == [100, 0]


def test_shipping_is_taxed_at_its_own_rate() -> None:
    inclusive = quote("EUR", [sale(1000)], 490, VAT)
    exclusive = quote("EUR", [sale(1000)], 490, NINETEEN)

    assert (inclusive.shipping_tax, inclusive.totals.tax, inclusive.totals.total) == (78, 78, 1490)
    assert (exclusive.shipping_tax, exclusive.totals.tax, exclusive.totals.total) == (93, 93, 1583)


@pytest.mark.parametrize(
    ("currency", "price", "tax", "total"),
    [("JPY", 1999, 200, 2199), ("KWD", 12_345, 1235, 13_580), ("ISK", 1999, 200, 2199)],
)
def test_currencies_without_cents_are_priced_in_their_own_units(
    currency: str, price: int, tax: int, total: int
) -> None:
    quoted = quote(currency, [sale(price, tax=TaxRate(rate=Decimal("0.1")))], 0)

    assert (quoted.currency, quoted.totals.tax, quoted.totals.total) == (currency, tax, total)


def test_a_price_of_nothing_costs_nothing() -> None:
    quoted = quote("EUR", [sale(0, 5, tax=NINETEEN), sale(0, tax=NINETEEN)], 0)

    assert quoted.totals == Totals(subtotal=0, discount=0, tax=0, shipping=0, total=0)


def test_an_order_larger_than_the_limit_is_refused() -> None:
    at_the_limit = quote("USD", [sale(MAX_AMOUNT // 2)], 0)

    assert at_the_limit.totals.total == MAX_AMOUNT // 2
    with pytest.raises(TotalTooLarge):
        quote("USD", [sale(MAX_AMOUNT // 2)], 1)
    with pytest.raises(TotalTooLarge):
        quote("USD", [sale(MAX_AMOUNT, 100_000) for _ in range(200)], 0)


@unhurried
@given(any_quote())
def test_lines_and_shipping_add_up_to_the_total(priced: tuple[Quote, TaxRate]) -> None:
    quoted, rate = priced

    shipping = quoted.totals.shipping + (0 if rate.inclusive else quoted.shipping_tax)
    assert sum(line.total for line in quoted.lines) + shipping == quoted.totals.total
    assert sum(line.subtotal for line in quoted.lines) == quoted.totals.subtotal
    assert sum(taxes(quoted)) + quoted.shipping_tax == quoted.totals.tax


@unhurried
@given(any_quote())
def test_a_line_is_its_price_and_the_tax_that_the_price_does_not_contain(priced: tuple[Quote, TaxRate]) -> None:
    for line in priced[0].lines:
        assert line.subtotal == line.sale.unit_price * line.sale.quantity
        assert line.total == line.subtotal - line.discount + (0 if line.sale.tax.inclusive else line.tax)
        assert 0 <= line.discount <= line.subtotal
        assert 0 <= line.tax <= line.subtotal


@unhurried
@given(any_quote())
def test_the_tax_of_every_seller_and_rate_is_that_of_their_sum(priced: tuple[Quote, TaxRate]) -> None:
    lines = priced[0].lines

    for group in {(line.sale.seller_id, line.sale.tax) for line in lines}:
        ours = [line for line in lines if (line.sale.seller_id, line.sale.tax) == group]
        amount, rate = sum(line.subtotal - line.discount for line in ours), group[1].rate
        exact = amount * rate / (1 + rate) if group[1].inclusive else amount * rate
        assert abs(sum(line.tax for line in ours) - exact) <= Decimal("0.5")


def test_the_total_that_the_buyer_agreed_to_is_the_total() -> None:
    quoted = quote("USD", [sale(1999)], 500)

    check_expected(quoted, None)
    check_expected(quoted, 2499)
    for wrong in (2498, 2500, 0):
        with pytest.raises(PriceChanged, match=f"2499 USD, not the expected {wrong}"):
            check_expected(quoted, wrong)
