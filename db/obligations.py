"""What an account is still bound to: orders that have not ended, money on its way, calls under way."""

from datetime import datetime

from sqlalchemy import Select, exists, select
from sqlalchemy.ext.asyncio import AsyncSession

from db.tables import CommandOutcome, Fulfilment, LedgerAccount, Order, OrderLine, Payment, PaymentOperation, Request
from domain.errors import (
    AccountBusy,
    AccountHasOpenOrders,
    AccountHasOpenSales,
    AccountHasUnsettledMoney,
    HoldfastError,
)
from domain.orders import OPEN
from domain.payments import OPEN_STATES
from domain.sweep import OWED_AT_MOST


async def check_none(session: AsyncSession, account_id: str, at: datetime) -> None:
    """Call it while the account's row is locked.

    Raises AccountHasOpenOrders, AccountHasOpenSales, AccountHasUnsettledMoney or AccountBusy.
    """
    for bound, refusal in _all(account_id, at):
        if await session.scalar(bound.limit(1)) is not None:
            raise refusal


def _all(account_id: str, at: datetime) -> list[tuple[Select[str] | Select[int], HoldfastError]]:
    return [
        (select(Order.id).where(Order.buyer_id == account_id, Order.status.in_(OPEN)), AccountHasOpenOrders()),
        (_open_sales(account_id), AccountHasOpenSales()),
        (_owned_money(account_id), AccountHasUnsettledMoney()),
        (_moving_money(account_id), AccountHasUnsettledMoney()),
        (_calls(account_id, at), AccountBusy()),
    ]


def _open_sales(account_id: str) -> Select[str]:
    return (
        select(Fulfilment.id)
        .join(Order, Order.id == Fulfilment.order_id)
        .join(OrderLine, OrderLine.fulfilment_id == Fulfilment.id)
        .where(Fulfilment.seller_id == account_id, Order.status.in_(OPEN), ~OrderLine.own_sale)
    )


def _owned_money(account_id: str) -> Select[int]:
    """A wallet, or what a seller is owed or owes."""
    return select(LedgerAccount.id).where(LedgerAccount.owner_id == account_id, LedgerAccount.balance != 0)


def _moving_money(account_id: str) -> Select[str]:
    """What a provider was asked for an order of the buyer's, and has not done or refused: a refund, mostly."""
    return (
        select(PaymentOperation.key)
        .join(Payment, Payment.id == PaymentOperation.payment_id)
        .join(Order, Order.id == Payment.order_id)
        .where(Order.buyer_id == account_id, PaymentOperation.state.in_(OPEN_STATES))
    )


def _calls(account_id: str, at: datetime) -> Select[str]:
    """A call that has neither an answer nor an outcome: an order may yet come of it. After an hour none does."""
    outcome = exists().where(CommandOutcome.request_id == Request.id)
    return select(Request.id).where(
        Request.account_id == account_id, Request.status.is_(None), Request.created > at - OWED_AT_MOST, ~outcome
    )
