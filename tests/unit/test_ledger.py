"""Entries balance by construction, and a completed sale leaves nothing of the buyer's money unallocated."""

from decimal import Decimal

import pytest
from hypothesis import given

from domain.errors import EntryUnbalanced
from domain.ledger import Account, Entry, EntryKind, Posting, capture_entry, refund_entry, sale_entry
from domain.pricing import Quote, TaxRate, quote
from tests.support.sales import (
    ANN,
    BEN,
    CAT,
    ORDER,
    SALES_TAX,
    VAT,
    any_quote,
    completed,
    sale,
    unhurried,
)

OPERATION = "ord_1:pay:1:charge"
A = Account


def entry(*postings: tuple[str, int]) -> Entry:
    return Entry(
        kind=EntryKind.CAPTURE,
        source_kind="operation",
        source_id=OPERATION,
        postings=tuple(Posting(account=A.ROUNDING, asset=asset, amount=amount) for asset, amount in postings),
    )


def moved(posted: Entry | None) -> dict[tuple[Account, str | None], int]:
    assert posted is not None
    return {(each.account, each.owner): each.amount for each in posted.postings}


@pytest.mark.parametrize(
    ("postings", "asset", "total"),
    [
        ([("USD", 1)], "USD", 1),
        ([("USD", 100), ("USD", -99)], "USD", 1),
        ([("USD", 100), ("EUR", -100)], "USD", 100),
        ([("USD", 5), ("USD", -5), ("JPY", -1)], "JPY", -1),
    ],
)
def test_an_entry_that_does_not_balance_can_not_be_built(
    postings: list[tuple[str, int]], asset: str, total: int
) -> None:
    with pytest.raises(EntryUnbalanced, match=f"postings of {asset} sum to {total} instead of zero"):
        entry(*postings)


def test_an_entry_balances_in_every_asset_apart() -> None:
    built = entry(("USD", 5), ("EUR", -7), ("USD", -5), ("EUR", 7))

    assert len(built.postings) == 4


def test_token_amounts_of_any_size_balance() -> None:
    huge = 10**40 + 1

    assert entry(("eip155:1/erc20:0x0", huge), ("eip155:1/erc20:0x0", -huge)).postings[0].amount == huge


def test_a_capture_debits_clearing_and_credits_what_is_held_for_the_buyer() -> None:
    posted = capture_entry("stripe", OPERATION, "USD", 2644)

    assert moved(posted) == {(A.CLEARING_STRIPE, None): 2644, (A.CUSTOMER_FUNDS_HELD, None): -2644}
    assert (posted.kind, posted.source_kind, posted.source_id) == (EntryKind.CAPTURE, "operation", OPERATION)


def test_a_refund_is_the_capture_the_other_way_round() -> None:
    posted = refund_entry("stripe", OPERATION, "USD", 2644)

    assert moved(posted) == {(A.CUSTOMER_FUNDS_HELD, None): 2644, (A.CLEARING_STRIPE, None): -2644}
    assert posted.kind is EntryKind.REFUND


def test_a_mixed_order_is_allocated_to_every_seller_to_own_sales_to_shipping_and_to_tax() -> None:
    lines = [
        sale(1000, seller=BEN, tax=SALES_TAX),
        sale(2000, seller=ANN, tax=SALES_TAX),
        sale(1190, seller=CAT, own=True, tax=VAT),
        sale(500, seller=ANN),
    ]

    posted = sale_entry(ORDER, completed(quote("USD", lines, 490, VAT), VAT))

    assert posted is not None
    assert moved(posted) == {
        (A.CUSTOMER_FUNDS_HELD, None): 1073 + 2145 + 1190 + 500 + 490,
        (A.OWN_SALES, None): -1000,
        (A.SELLER_PAYABLE, ANN): -2500,
        (A.SELLER_PAYABLE, BEN): -1000,
        (A.SHIPPING_INCOME, None): -412,
        (A.TAX_PAYABLE, None): -(73 + 145 + 190 + 78),
    }
    assert (posted.kind, posted.source_kind, posted.source_id) == (EntryKind.SALE, "order", ORDER)


def test_shipping_tax_on_top_of_the_price_is_the_tax_office_s() -> None:
    posted = sale_entry(ORDER, completed(quote("USD", [sale(1000)], 500, SALES_TAX), SALES_TAX))

    assert moved(posted) == {
        (A.CUSTOMER_FUNDS_HELD, None): 1536,
        (A.SELLER_PAYABLE, ANN): -1000,
        (A.SHIPPING_INCOME, None): -500,
        (A.TAX_PAYABLE, None): -36,
    }


def test_nothing_is_posted_to_an_account_that_nothing_goes_to() -> None:
    posted = sale_entry(ORDER, completed(quote("JPY", [sale(1999, own=True)], 0)))

    assert posted is not None
    assert moved(posted) == {(A.CUSTOMER_FUNDS_HELD, None): 1999, (A.OWN_SALES, None): -1999}
    assert {each.asset for each in posted.postings} == {"JPY"}


@pytest.mark.parametrize("missing", [-1, 1, 2644])
def test_a_sale_of_another_amount_than_was_captured_can_not_be_built(missing: int) -> None:
    quoted = quote("USD", [sale(1999, tax=SALES_TAX)], 500)

    with pytest.raises(EntryUnbalanced):
        sale_entry(ORDER, completed(quoted, paid=quoted.totals.total - missing))


@unhurried
@given(any_quote())
def test_every_priced_order_is_allocated_to_the_last_unit(priced: tuple[Quote, TaxRate]) -> None:
    quoted, rate = priced

    posted = sale_entry(ORDER, completed(quoted, rate))

    amounts = moved(posted)
    assert amounts.pop((A.CUSTOMER_FUNDS_HELD, None), 0) == quoted.totals.total
    borne = amounts.pop((A.DISCOUNT_EXPENSE, None), 0)
    assert 0 <= borne <= quoted.totals.discount
    assert sum(amounts.values()) == -quoted.totals.total - borne
    assert all(amount < 0 for amount in amounts.values())
    assert -amounts.get((A.TAX_PAYABLE, None), 0) == quoted.totals.tax
    assert -amounts.get((A.COMMISSION, None), 0) == sum(line.commission for line in quoted.lines)


@unhurried
@given(any_quote())
def test_a_discount_and_a_commission_take_nothing_from_a_seller_but_the_commission(
    priced: tuple[Quote, TaxRate],
) -> None:
    quoted, rate = priced

    amounts = moved(sale_entry(ORDER, completed(quoted, rate)))

    for seller in (ANN, BEN):
        ours = [line for line in quoted.lines if line.sale.seller_id == seller]
        exact = sum((line.subtotal / (1 + _contained(line.sale.tax)) for line in ours), Decimal(0))
        commission = sum(line.commission for line in ours)
        # What tax rounds is a unit for each line and each discount.
        assert abs(-amounts.get((A.SELLER_PAYABLE, seller), 0) + commission - exact) <= 2 * len(ours)


def _contained(tax: TaxRate) -> Decimal:
    return tax.rate if tax.inclusive else Decimal(0)


def test_a_discount_is_borne_by_the_merchant_without_the_tax_in_it() -> None:
    lines = [sale(1190, seller=BEN, tax=VAT, commission="0.1"), sale(1000, seller=CAT, own=True, tax=SALES_TAX)]

    # A tenth off: 119 of the first, 100 of the second.
    posted = sale_entry(ORDER, completed(quote("EUR", lines, 0, reduction=219)))

    assert moved(posted) == {
        (A.CUSTOMER_FUNDS_HELD, None): 1071 + 900 + 65,
        (A.DISCOUNT_EXPENSE, None): 100 + 100,
        (A.SELLER_PAYABLE, BEN): -900,
        (A.COMMISSION, None): -100,
        (A.OWN_SALES, None): -1000,
        (A.TAX_PAYABLE, None): -(171 + 65),
    }


def test_an_order_that_a_discount_makes_free_still_pays_its_seller() -> None:
    posted = sale_entry(ORDER, completed(quote("USD", [sale(1000, seller=BEN, commission="0.2")], 0, reduction=1000)))

    assert moved(posted) == {
        (A.DISCOUNT_EXPENSE, None): 1000,
        (A.SELLER_PAYABLE, BEN): -800,
        (A.COMMISSION, None): -200,
    }


def test_an_order_of_nothing_posts_nothing() -> None:
    assert sale_entry(ORDER, completed(quote("USD", [sale(0)], 0))) is None
