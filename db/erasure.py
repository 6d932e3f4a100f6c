"""Erasing an account: everything that says who somebody is goes, in one transaction; the books stay.

What is blanked, what is kept and why is listed in docs/personal-data.md. A table that holds personal data has its
statement in here, and is looked through by tests/integration/test_erasure.py.
"""

from collections.abc import Sequence
from typing import NamedTuple

from pydantic import JsonValue
from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Executable,
    String,
    any_,
    bindparam,
    delete,
    false,
    literal,
    null,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from db import catalogue, event_log, login_limits, obligations, sign_ins
from db.accounts import Cause, lock_with_administrators
from db.commands import NOTHING_KEPT, PLACE_ROUTES
from db.tables import (
    Account,
    AccountChangeRow,
    Cart,
    CartItem,
    CommandOutcome,
    Incident,
    Mail,
    Order,
    OrderContact,
    Payment,
    PaymentAttempt,
    Refund,
    Request,
)
from domain.accounts import AccountStatus
from domain.errors import LastAdministrator, PasswordWrong, ResourceNotFound
from domain.events import Event, EventType
from domain.incidents import IncidentKind
from domain.orders import Role

# What an order's view shows of a person, and what stands for one at the provider.
_PERSONAL: dict[str, JsonValue] = {
    "shipping_address": None,
    "billing_address": None,
    "notes": None,
    "seller_notes": {},
    "next_action": None,
}
# Answers from here on are refusals, which name no person.
_REFUSED = 400


class _Owned(NamedTuple):
    """The account, its orders, and the ids of all that incidents can be about."""

    account_id: str
    orders: Sequence[str]
    about: Sequence[str]


async def is_done(session: AsyncSession, account_id: str) -> bool:
    return await session.scalar(select(Account.status).where(Account.id == account_id)) is AccountStatus.ERASED


async def erase(
    session: AsyncSession, account_id: str, cause: Cause, *, actor_id: str | None = None, seen_hash: str | None = None
) -> bool:
    """Blank the account and all that is known of its owner; False when that was done before.

    Its row is locked against whoever refers to it: no order of it is placed meanwhile, and one that is being placed is
    waited for. `seen_hash` is what the owner's password was right for.

    Raises ResourceNotFound, PasswordWrong when the password was changed meanwhile, LastAdministrator, or what
    `obligations.check_none` raises.
    """
    row = await _locked(session, account_id)
    if row.status is AccountStatus.ERASED:
        return False
    if seen_hash is not None and row.password_hash != seen_hash:
        raise PasswordWrong
    await obligations.check_none(session, account_id, cause.at)
    assert row.email is not None, "an account has an e-mail until it is erased"
    await login_limits.forget(session, row.email)
    await sign_ins.end_all(session, account_id)
    for statement in _blanking(await _owned(session, account_id)):
        await session.execute(statement, execution_options={"synchronize_session": False})
    row.status, row.email, row.name, row.password_hash = AccountStatus.ERASED, None, None, None
    event_log.append(
        session,
        Event(
            type=EventType.ACCOUNT_ERASED,
            time=cause.at,
            subject=account_id,
            data={"actor_id": actor_id},
            correlation_id=cause.correlation_id,
        ),
    )
    return True


async def _locked(session: AsyncSession, account_id: str) -> Account:
    role = await session.scalar(select(Account.role).where(Account.id == account_id))
    if role is Role.ADMIN:
        # Before the account's own lock, for administrators are always locked in one order.
        rows = await lock_with_administrators(session, account_id)
        own = rows[account_id]
        if own.status is AccountStatus.ACTIVE and own.role is Role.ADMIN and len(rows) == 1:
            raise LastAdministrator
    row = await session.get(Account, account_id, with_for_update=True, populate_existing=True)
    if row is None:
        raise ResourceNotFound(resource="account", id=account_id)
    return row


async def _owned(session: AsyncSession, account_id: str) -> _Owned:
    orders = list(await session.scalars(select(Order.id).where(Order.buyer_id == account_id)))
    of_buyer = Order.buyer_id == account_id
    payments = await session.scalars(select(Payment.id).join(Order, Order.id == Payment.order_id).where(of_buyer))
    refunds = await session.scalars(select(Refund.id).join(Order, Order.id == Refund.order_id).where(of_buyer))
    mails = await session.scalars(select(Mail.id).where(or_(Mail.account_id == account_id, Mail.order_id.in_(orders))))
    outside = await session.scalars(
        select(Incident.subject).where(
            Incident.kind == IncidentKind.MONEY_MOVED_OUTSIDE,
            or_(*(Incident.details.contains(order, autoescape=True) for order in orders), false()),
        )
    )
    # Also of those that no order came of.
    placed = await session.scalars(
        select(Request.resource_id).where(Request.account_id == account_id, Request.route.in_(PLACE_ROUTES))
    )
    return _Owned(account_id, orders, [account_id, *orders, *placed, *payments, *refunds, *mails, *outside])


def _blanking(owned: _Owned) -> list[Executable]:
    """Every statement that blanks rows of one kind."""
    return [
        *_contacts(owned),
        *_calls(owned),
        *_outcomes(owned),
        *_payments(owned),
        *_staff_notes(owned),
        *_offers(owned),
        *_wishes(owned),
    ]


def _contacts(owned: _Owned) -> list[Executable]:
    blank = update(OrderContact).where(OrderContact.account_id == owned.account_id)
    return [blank.values(shipping_address=null(), billing_address=null(), notes=null(), seller_notes={})]


def _calls(owned: _Owned) -> list[Executable]:
    """What the account sent and was answered, and what others sent and were answered about its orders.

    The owner's keys go too: clients choose them. A repeat of another's call is answered from its outcome.
    """
    own, others = Request.account_id == owned.account_id, _among(Request.resource_id, owned.orders)
    return [
        update(Request).where(own).values(NOTHING_KEPT),
        update(Request).where(others).values(body=null()),
        update(Request).where(others, Request.status < _REFUSED).values(response=null()),
    ]


def _outcomes(owned: _Owned) -> list[Executable]:
    """The order as it was when a command ended, without its person."""
    without = CommandOutcome.result.op("||", return_type=JSONB())(literal(_PERSONAL, JSONB()))
    of_orders = CommandOutcome.order_id.in_(select(Order.id).where(Order.buyer_id == owned.account_id))
    return [update(CommandOutcome).where(of_orders, CommandOutcome.result.is_not(None)).values(result=without)]


def _payments(owned: _Owned) -> list[Executable]:
    """Tokens that stand for a person's card at the provider."""
    of_buyer = select(Payment.id).join(Order, Order.id == Payment.order_id).where(Order.buyer_id == owned.account_id)
    tokens = update(PaymentAttempt).where(PaymentAttempt.payment_id.in_(of_buyer))
    return [tokens.values(payment_method_id=null(), client_secret=null())]


def _staff_notes(owned: _Owned) -> list[Executable]:
    return [
        update(Incident).where(_among(Incident.subject, owned.about)).values(note=null()),
        update(AccountChangeRow).where(AccountChangeRow.account_id == owned.account_id).values(note=null()),
    ]


def _offers(owned: _Owned) -> list[Executable]:
    """A seller who is gone sells nothing."""
    return [catalogue.withdrawal(owned.account_id)]


def _wishes(owned: _Owned) -> list[Executable]:
    """What somebody wanted to buy, and did not."""
    open_carts = select(Cart.id).where(Cart.buyer_id == owned.account_id, Cart.order_id.is_(None))
    return [delete(CartItem).where(CartItem.cart_id.in_(open_carts))]


def _among(column: InstrumentedAttribute[str], ids: Sequence[str]) -> ColumnElement[bool]:
    """Ids as text: TypeIDs are not what their own tables keep."""
    return column == any_(bindparam(None, list(ids), type_=ARRAY(String)))
