"""Double-entry bookkeeping: accounts, entries that can't be built unbalanced, and the posting table of docs/ledger.md.

A debit is positive, a credit negative; amounts are in the asset's smallest unit (minor units for ISO 4217 codes).
"""

from collections import defaultdict
from enum import StrEnum
from typing import Self

from pydantic import model_validator

from domain.errors import EntryUnbalanced
from domain.ids import AccountId, PaymentId
from domain.money import Currency, Minor
from domain.values import Value


class Account(StrEnum):
    """The chart of accounts; guarded ones belong to an owner and carry a balance."""

    CLEARING_STRIPE = "clearing_stripe"
    CLEARING_PAYPAL = "clearing_paypal"
    CLEARING_BANK = "clearing_bank"
    CLEARING_CASH = "clearing_cash"
    CLEARING_ESCROW = "clearing_escrow"
    PROVIDER_FEES = "provider_fees"
    CUSTOMER_FUNDS_HELD = "customer_funds_held"
    BUYER_WALLET = "buyer_wallet"
    SELLER_PAYABLE = "seller_payable"
    PAYOUTS_IN_TRANSIT = "payouts_in_transit"
    REFUNDS_IN_TRANSIT = "refunds_in_transit"
    UNAPPLIED_RECEIPTS = "unapplied_receipts"
    COMMISSION = "commission"
    OWN_SALES = "own_sales"
    SHIPPING_INCOME = "shipping_income"
    DISCOUNT_EXPENSE = "discount_expense"
    TAX_PAYABLE = "tax_payable"
    DISPUTES_RECEIVABLE = "disputes_receivable"
    CHARGEBACK_LOSS = "chargeback_loss"
    GAS = "gas"
    CONVERSION = "conversion"
    ROUNDING = "rounding"
    WRITE_OFF = "write_off"


GUARDED = frozenset({Account.BUYER_WALLET, Account.SELLER_PAYABLE})


class EntryKind(StrEnum):
    CAPTURE = "capture"
    REFUND = "refund"
    REFUND_RETURNED = "refund_returned"
    SALE = "sale"


class Posting(Value):
    """One line of an entry: debit positive, credit negative, in the asset's smallest unit."""

    account: Account
    owner: AccountId | None = None
    asset: str
    amount: int


class Entry(Value):
    """A balanced set of postings; unique by (source_kind, source_id, kind), so the same fact posts once.

    Raises EntryUnbalanced when an asset does not sum to zero.
    """

    kind: EntryKind
    source_kind: str
    source_id: str
    postings: tuple[Posting, ...]

    @model_validator(mode="after")
    def _balanced(self) -> Self:
        totals: dict[str, int] = defaultdict(int)
        for posting in self.postings:
            totals[posting.asset] += posting.amount
        for asset, total in totals.items():
            if total != 0:
                raise EntryUnbalanced(asset=asset, total=total)
        return self


_CLEARING = {"stripe": Account.CLEARING_STRIPE}


def _move(debit: Account, credit: Account, asset: str, amount: int) -> tuple[Posting, ...]:
    return (
        Posting(account=debit, asset=asset, amount=amount),
        Posting(account=credit, asset=asset, amount=-amount),
    )


def capture_entry(provider: str, operation: str, asset: str, amount: int) -> Entry:
    """The provider took the buyer's money: clearing owes us, we owe the buyer goods."""
    postings = _move(_CLEARING[provider], Account.CUSTOMER_FUNDS_HELD, asset, amount)
    return Entry(kind=EntryKind.CAPTURE, source_kind="operation", source_id=operation, postings=postings)


def refund_entry(provider: str, operation: str, asset: str, amount: int) -> Entry:
    """The provider paid money back that no sale had been booked for yet."""
    postings = _move(Account.CUSTOMER_FUNDS_HELD, _CLEARING[provider], asset, amount)
    return Entry(kind=EntryKind.REFUND, source_kind="operation", source_id=operation, postings=postings)


def refund_returned_entry(provider: str, operation: str, asset: str, amount: int) -> Entry:
    """A refund that had been paid came back to the provider: https://docs.stripe.com/refunds#failed-refunds"""
    postings = _move(_CLEARING[provider], Account.CUSTOMER_FUNDS_HELD, asset, amount)
    return Entry(kind=EntryKind.REFUND_RETURNED, source_kind="operation", source_id=operation, postings=postings)


class SoldLine(Value):
    """A completed line in minor units: what is the seller's, what is the tax office's, and what is the deployment's.

    `net` and `tax` are what the buyer paid for it; `borne` is the discount on it, without tax, which the merchant
    bears; `commission` is taken from both of net and borne.
    """

    seller_id: AccountId
    own_sale: bool
    net: Minor
    tax: Minor
    borne: Minor = 0
    commission: Minor = 0


class CompletedSale(Value):
    """A paid and delivered order: what its money is allocated to. Amounts in minor units.

    `paid` is what was captured for its lines and shipping; parts that were called off are in neither.
    """

    payment_id: PaymentId
    currency: Currency
    paid: Minor
    shipping_net: Minor
    shipping_tax: Minor
    lines: tuple[SoldLine, ...]


def sale_entry(order_id: str, sale: CompletedSale) -> Entry | None:
    """The order is complete: funds held and borne discounts become seller payables, own sales, commission, shipping
    income and tax. None for an order of which nothing has a price.

    Raises EntryUnbalanced when the lines, tax and shipping are not what was paid.
    """
    sellers: dict[str, int] = defaultdict(int)
    for line in sale.lines:
        if not line.own_sale:
            sellers[line.seller_id] += line.net + line.borne - line.commission
    moved = [
        (Account.CUSTOMER_FUNDS_HELD, None, sale.paid),
        (Account.DISCOUNT_EXPENSE, None, sum(line.borne for line in sale.lines)),
        (Account.OWN_SALES, None, -sum(line.net + line.borne for line in sale.lines if line.own_sale)),
        *((Account.SELLER_PAYABLE, seller, -amount) for seller, amount in sorted(sellers.items())),
        (Account.COMMISSION, None, -sum(line.commission for line in sale.lines)),
        (Account.SHIPPING_INCOME, None, -sale.shipping_net),
        (Account.TAX_PAYABLE, None, -sum(line.tax for line in sale.lines) - sale.shipping_tax),
    ]
    postings = tuple(
        Posting(account=account, owner=owner, asset=sale.currency, amount=amount)
        for account, owner, amount in moved
        if amount
    )
    if not postings:
        return None
    return Entry(kind=EntryKind.SALE, source_kind="order", source_id=order_id, postings=postings)
