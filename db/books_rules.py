"""What rows must keep among themselves, each as a query of what breaks it; a part of the books check."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Executable, String, and_, case, cast, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from db.tables import (
    Discount,
    DiscountUse,
    Hold,
    HoldState,
    LedgerAccount,
    LedgerEntry,
    LedgerPosting,
    Order,
    Payment,
    PaymentOperation,
    Stock,
    StockMovement,
)
from domain.books import Finding, Invariant
from domain.discounts import COUNTED, UseState
from domain.ledger import Account
from domain.orders import ORDER_MOVES, OrderStatus
from domain.payments import OperationKind, OperationState

# The account that each provider, by its name, owes us in.
CLEARING = {account: account.removeprefix("clearing_") for account in Account if account.startswith("clearing_")}
_TERMINAL = [status for status in OrderStatus if ORDER_MOVES.is_terminal(status)]


@dataclass(frozen=True)
class Rule:
    """An invariant as a query of what breaks it: the first column is the subject, all columns fill the sentence."""

    invariant: Invariant
    broken: Executable
    sentence: str

    async def findings(self, session: AsyncSession) -> list[Finding]:
        rows = (await session.execute(self.broken)).mappings()
        return [
            Finding(
                invariant=self.invariant, subject=str(next(iter(row.values()))), sentence=self.sentence.format(**row)
            )
            for row in rows
        ]


def _unbalanced_entries() -> Executable:
    total = func.coalesce(func.sum(LedgerPosting.amount), 0)
    return (
        select(func.concat("entry ", LedgerEntry.id), LedgerPosting.asset.label("asset"), total.label("total"))
        .outerjoin(LedgerPosting, LedgerPosting.entry_id == LedgerEntry.id)
        .group_by(LedgerEntry.id, LedgerPosting.asset)
        .having(or_(total != 0, func.count(LedgerPosting.position) == 0))
    )


def _unbalanced_assets() -> Executable:
    total = func.sum(LedgerPosting.amount)
    return select(LedgerPosting.asset, total.label("total")).group_by(LedgerPosting.asset).having(total != 0)


def _wrong_balances() -> Executable:
    posted = -func.coalesce(func.sum(LedgerPosting.amount), 0)
    name = func.concat(LedgerAccount.account, " ", LedgerAccount.asset, " (", LedgerAccount.id, ")")
    return (
        select(name, LedgerAccount.balance.label("balance"), posted.label("posted"))
        .outerjoin(LedgerPosting, LedgerPosting.account_id == LedgerAccount.id)
        .where(LedgerAccount.balance.is_not(None))
        .group_by(LedgerAccount.id)
        .having(LedgerAccount.balance != posted)
    )


def _wrongly_posted_operations() -> Executable:
    signed = case(
        (PaymentOperation.kind == OperationKind.REFUND, -PaymentOperation.amount), else_=PaymentOperation.amount
    )
    moved = (
        select(PaymentOperation.key.label("key"), Payment.currency.label("asset"), signed.label("amount"))
        .join(Payment, Payment.id == PaymentOperation.payment_id)
        .where(
            PaymentOperation.kind.in_([OperationKind.CHARGE, OperationKind.CAPTURE, OperationKind.REFUND]),
            PaymentOperation.state == OperationState.SUCCEEDED,
        )
        .subquery()
    )
    posted = (
        select(
            LedgerEntry.source_id.label("key"),
            LedgerPosting.asset.label("asset"),
            func.sum(LedgerPosting.amount).label("amount"),
        )
        .join(LedgerPosting, LedgerPosting.entry_id == LedgerEntry.id)
        .join(LedgerAccount, LedgerAccount.id == LedgerPosting.account_id)
        .where(LedgerEntry.source_kind == "operation", LedgerAccount.account.in_(CLEARING))
        .group_by(LedgerEntry.source_id, LedgerPosting.asset)
        .subquery()
    )
    ours, theirs = func.coalesce(moved.c.amount, 0), func.coalesce(posted.c.amount, 0)
    return (
        select(
            func.coalesce(moved.c.key, posted.c.key),
            func.coalesce(moved.c.asset, posted.c.asset).label("asset"),
            ours.label("moved"),
            theirs.label("posted"),
        )
        .select_from(moved)
        .join(posted, and_(moved.c.key == posted.c.key, moved.c.asset == posted.c.asset), full=True)
        .where(ours != theirs)
    )


def _wrong_payment_counts() -> Executable:
    count = func.count(Payment.id)
    return (
        select(Order.id, count.label("count"))
        .outerjoin(Payment, Payment.order_id == Order.id)
        .group_by(Order.id)
        .having(count != 1)
    )


def _wrong_on_hand() -> Executable:
    sums = select(StockMovement.product_id, func.sum(StockMovement.delta).label("moved"))
    moved = sums.group_by(StockMovement.product_id).subquery()
    return _against_stock(moved.c.product_id, moved.c.moved, Stock.on_hand)


def _wrong_held() -> Executable:
    sums = select(Hold.product_id, func.sum(Hold.quantity).label("held")).where(Hold.state == HoldState.HELD)
    held = sums.group_by(Hold.product_id).subquery()
    return _against_stock(held.c.product_id, held.c.held, Stock.held)


def _against_stock(product: Any, total: Any, level: Any) -> Executable:  # noqa: ANN401 - columns of a subquery
    expected, stands = func.coalesce(total, 0), func.coalesce(level, 0)
    return (
        select(func.coalesce(Stock.product_id, product), stands.label("stands"), expected.label("expected"))
        .select_from(Stock)
        .join(product.table, Stock.product_id == product, full=True)
        .where(stands != expected)
    )


def _wrong_discounts() -> Executable:
    counted = func.count(DiscountUse.order_id)
    return (
        select(Discount.id, Discount.taken, counted.label("counted"))
        .outerjoin(DiscountUse, and_(DiscountUse.discount_id == Discount.id, DiscountUse.state.in_(COUNTED)))
        .group_by(Discount.id)
        .having(Discount.taken != counted)
    )


# What an order's use of a discount is by the order's status.
_USE_OF = case(
    (Order.status == OrderStatus.COMPLETED, UseState.USED.value),
    (Order.status.in_(_TERMINAL), UseState.RETURNED.value),
    else_=UseState.HELD.value,
)

RULES = (
    Rule(Invariant.ENTRY_BALANCED, _unbalanced_entries(), "Its postings in {asset} sum to {total}, or are none."),
    Rule(Invariant.LEDGER_SUMS_TO_ZERO, _unbalanced_assets(), "All postings in it sum to {total}."),
    Rule(Invariant.GUARDED_BALANCE, _wrong_balances(), "Its balance is {balance}, its postings make {posted}."),
    Rule(
        Invariant.OPERATION_POSTED,
        _wrongly_posted_operations(),
        "It moved {moved} {asset}, and {posted} were posted to clearing.",
    ),
    Rule(Invariant.ONE_PAYMENT_PER_ORDER, _wrong_payment_counts(), "It has {count} payments."),
    Rule(Invariant.STOCK_ON_HAND, _wrong_on_hand(), "On hand are {stands}, its movements make {expected}."),
    Rule(Invariant.STOCK_HELD, _wrong_held(), "Held are {stands}, its holds make {expected}."),
    Rule(
        Invariant.STOCK_IN_RANGE,
        select(Stock.product_id, Stock.held, Stock.on_hand).where(or_(Stock.held < 0, Stock.held > Stock.on_hand)),
        "Held are {held} of {on_hand} on hand.",
    ),
    Rule(
        Invariant.HOLDS_ENDED,
        select(Order.id, cast(Order.status, String).label("status"), Hold.product_id, Hold.quantity)
        .join(Hold, Hold.order_id == Order.id)
        .where(Hold.state == HoldState.HELD, Order.status.in_(_TERMINAL)),
        "It is {status}, and still holds {quantity} of {product_id}.",
    ),
    Rule(
        Invariant.DISCOUNT_USES_COUNTED, _wrong_discounts(), "{taken} of its uses are taken, and {counted} stand there."
    ),
    Rule(
        Invariant.DISCOUNT_USES_ENDED,
        select(Order.id, cast(Order.status, String).label("status"), cast(DiscountUse.state, String).label("state"))
        .join(DiscountUse, DiscountUse.order_id == Order.id)
        .where(cast(DiscountUse.state, String) != _USE_OF),
        "It is {status}, and its discount is {state}.",
    ),
)
