"""The one writer of accounts, but for their erasure (db/erasure.py).

Whatever changes an account locks its row, so that a login whose password was compared a moment ago sees it
(`confirmed`), and of two staff who block each other one comes first.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from pydantic import JsonValue
from sqlalchemy import func, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from db import catalogue, event_log, obligations, sign_ins
from db.ids import new_id
from db.tables import Account, AccountChangeRow
from domain.accounts import (
    ACCOUNT_MOVES,
    AccountChange,
    AccountStatus,
    AccountView,
    ChangeView,
    StaffAccountView,
    normal_email,
)
from domain.errors import (
    AccountBlocked,
    AccountNotApproved,
    AccountSoldForMerchant,
    AccountStatusFixed,
    CredentialsWrong,
    EmailTaken,
    OwnAccount,
    PasswordWrong,
    ResourceNotFound,
    TokenInvalid,
)
from domain.events import Event, EventType
from domain.orders import Role

_CHANGES_SHOWN = 100


class Cause(NamedTuple):
    """When something happens to an account, and in which call."""

    at: datetime
    correlation_id: str


class NewAccount(NamedTuple):
    email: str
    name: str
    role: Role
    status: AccountStatus
    password_hash: str


class OwnChange(NamedTuple):
    """What the owner of an account changes; `seen_hash` is what the current password was right for, if it was asked.

    A new e-mail or password ends all sign-ins but the one that the call came with.
    """

    name: str | None = None
    email: str | None = None
    password_hash: str | None = None
    seen_hash: str | None = None
    family_id: str | None = None
    session: bytes | None = None


async def register(session: AsyncSession, new: NewAccount, cause: Cause) -> AccountView:
    """Raises EmailTaken."""
    values = {**new._asdict(), "email": normal_email(new.email), "id": new_id("acc"), "created": cause.at}
    added = await session.scalar(insert(Account).values(values).on_conflict_do_nothing().returning(Account.id))
    if added is None:
        raise EmailTaken
    _log(session, EventType.ACCOUNT_REGISTERED, added, {"role": new.role, "status": new.status}, cause)
    return await view(session, added)


async def by_email(session: AsyncSession, email: str) -> Account | None:
    wanted = func.lower(normal_email(email))
    found: Account | None = await session.scalar(select(Account).where(func.lower(Account.email) == wanted))
    return found


async def is_active(session: AsyncSession, account_id: str, role: Role) -> bool:
    """Whether the account is active and has this role at this moment."""
    query = select(Account.id).where(
        Account.id == account_id, Account.role == role, Account.status == AccountStatus.ACTIVE
    )
    return await session.scalar(query) is not None


async def active(session: AsyncSession, account_id: str) -> Account:
    """The account of a caller. Raises TokenInvalid when it is not active any more."""
    return _standing(await session.get(Account, account_id))


async def confirmed(session: AsyncSession, account_id: str, seen_hash: str) -> Account:
    """The account under lock, for a login whose password was right for `seen_hash`.

    Raises CredentialsWrong when the password was changed meanwhile, AccountNotApproved or AccountBlocked: only who has
    the password is told of them.
    """
    row = await _locked(session, account_id)
    if row is None or row.password_hash != seen_hash:
        raise CredentialsWrong
    match row.status:
        case AccountStatus.PENDING_APPROVAL:
            raise AccountNotApproved
        case AccountStatus.BLOCKED:
            raise AccountBlocked
        case AccountStatus.ACTIVE | AccountStatus.ERASED:
            # An erased one has no password that could have been right.
            return row


async def change_own(session: AsyncSession, account_id: str, change: OwnChange, cause: Cause) -> AccountView:
    """Raises TokenInvalid, PasswordWrong when the password was changed since it was compared, or EmailTaken."""
    row = _standing(await _locked(session, account_id))
    if change.seen_hash is not None and row.password_hash != change.seen_hash:
        raise PasswordWrong
    wanted = {"name": change.name, "email": change.email and normal_email(change.email)}
    changed: list[JsonValue] = []
    for field, value in wanted.items():
        if value is not None and value != getattr(row, field):
            setattr(row, field, value)
            changed.append(field)
    if changed:
        _log(session, EventType.ACCOUNT_UPDATED, row.id, {"fields": changed}, cause)
    if change.password_hash is not None:
        row.password_hash = change.password_hash
        _log(session, EventType.ACCOUNT_PASSWORD_CHANGED, row.id, {}, cause)
    if change.password_hash is not None or "email" in changed:
        await sign_ins.end_all(session, row.id, but_family=change.family_id, but_session=change.session)
    try:
        await session.flush()
    except IntegrityError as taken:
        # All that can be in the way is the unique index of e-mails.
        raise EmailTaken from taken
    return AccountView.model_validate(row)


async def administer(session: AsyncSession, change: AccountChange, cause: Cause) -> AccountView:
    """What staff change of another's account. It counts at once, but for access tokens, which live on for minutes.

    All active administrators are locked, the actor among them, so one who was blocked a moment ago changes nothing any
    more, and the last one can't go: somebody else would have to be an active administrator to do it.

    Raises OwnAccount, TokenInvalid when the actor administrates no longer, ResourceNotFound, AccountStatusFixed,
    AccountSoldForMerchant, and the refusals of `obligations.check_none` when a role is changed that orders or money
    depend on.
    """
    if change.account_id == change.actor_id:
        raise OwnAccount
    rows = await lock_with_administrators(session, change.account_id)
    if change.actor_id not in rows:
        raise TokenInvalid
    row = rows.get(change.account_id)
    if row is None:
        raise ResourceNotFound(resource="account", id=change.account_id)
    role = change.role if change.role is not row.role else None
    status = change.status if change.status is not row.status else None
    if status is not None:
        _move(session, row, status, change, cause)
        if status is AccountStatus.BLOCKED:
            await sign_ins.end_all(session, row.id)
            await session.execute(catalogue.withdrawal(row.id))
    if role is not None:
        await _assign(session, row, role, change, cause)
    if role is not None or status is not None:
        session.add(_record(change, role, status, cause.at))
    await session.flush()
    return AccountView.model_validate(row)


async def lock_with_administrators(session: AsyncSession, account_id: str) -> dict[str, Account]:
    """All active administrators, and the account, under lock, by id.

    In the order of ids, and so that rows which only refer to them can still be written.
    """
    administrates = (Account.role == Role.ADMIN) & (Account.status == AccountStatus.ACTIVE)
    query = select(Account).where(or_(administrates, Account.id == account_id)).order_by(Account.id)
    rows = await session.scalars(query.with_for_update(key_share=True).execution_options(populate_existing=True))
    return {row.id: row for row in rows}


async def view(session: AsyncSession, account_id: str) -> AccountView:
    """Raises ResourceNotFound."""
    for found in await views(session, [account_id]):
        return found
    raise ResourceNotFound(resource="account", id=account_id)


async def staff_view(session: AsyncSession, account_id: str) -> StaffAccountView:
    """The account with what staff changed of it. Raises ResourceNotFound."""
    shown = await view(session, account_id)
    newest = select(AccountChangeRow).where(AccountChangeRow.account_id == account_id)
    rows = await session.scalars(newest.order_by(AccountChangeRow.id.desc()).limit(_CHANGES_SHOWN))
    changes = tuple(ChangeView.model_validate(row) for row in rows)
    return StaffAccountView(**shown.model_dump(), changes=changes)


async def views(session: AsyncSession, ids: Sequence[str]) -> list[AccountView]:
    """The accounts with these ids, in the given order."""
    rows = await session.scalars(select(Account).where(Account.id.in_(ids)))
    found = {row.id: AccountView.model_validate(row) for row in rows}
    return [found[each] for each in ids if each in found]


def _standing(row: Account | None) -> Account:
    if row is None or row.status is not AccountStatus.ACTIVE:
        raise TokenInvalid
    return row


async def _locked(session: AsyncSession, account_id: str) -> Account | None:
    query = select(Account).where(Account.id == account_id).with_for_update(key_share=True)
    row: Account | None = await session.scalar(query.execution_options(populate_existing=True))
    return row


def _move(session: AsyncSession, row: Account, to: AccountStatus, change: AccountChange, cause: Cause) -> None:
    if not ACCOUNT_MOVES.allows(row.status, to):
        raise AccountStatusFixed(before=row.status, after=to)
    _log(session, EventType.ACCOUNT_STATUS_CHANGED, row.id, _told(change, row.status, to), cause)
    row.status = to


async def _assign(session: AsyncSession, row: Account, role: Role, change: AccountChange, cause: Cause) -> None:
    if row.status is AccountStatus.ERASED:
        raise AccountStatusFixed(before=row.status, after=role)
    # Whoever refers to the account as what it was is waited for, and waits.
    await session.flush()
    await session.refresh(row, with_for_update=True)
    await obligations.check_none(session, row.id, cause.at)
    if role is Role.SELLER and await catalogue.sold_for_merchant(session, row.id):
        # As a seller they would see those goods' buyers, set their prices and ship their orders.
        raise AccountSoldForMerchant
    _log(session, EventType.ACCOUNT_ROLE_CHANGED, row.id, _told(change, row.role, role), cause)
    row.role = role
    if role is Role.BUYER:
        await session.execute(catalogue.withdrawal(row.id))


def _told(change: AccountChange, before: str, after: str) -> dict[str, JsonValue]:
    return {"actor_id": change.actor_id, "before": before, "after": after, "reason": change.reason}


def _record(change: AccountChange, role: Role | None, status: AccountStatus | None, at: datetime) -> AccountChangeRow:
    return AccountChangeRow(
        account_id=change.account_id,
        actor_id=change.actor_id,
        role=role,
        status=status,
        reason=change.reason,
        note=change.note or None,
        created=at,
    )


def _log(session: AsyncSession, event: EventType, account_id: str, data: dict[str, JsonValue], cause: Cause) -> None:
    event_log.append(
        session,
        Event(type=event, time=cause.at, subject=account_id, data=data, correlation_id=cause.correlation_id),
    )
