"""The one writer of browser sessions: logins by cookie, kept under the hash of a secret that only the cookie has."""

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from db.tables import Account, BrowserSession
from domain.accounts import AccountStatus
from domain.orders import Role
from domain.sign_in import SignInRules

_BYTES = 32
# Use is noted this exactly: a page makes many calls, and one write a minute is enough.
_USE_NOTED = timedelta(minutes=1)


class Found(NamedTuple):
    """Whose session it is; the account is active, and the role is what it has now."""

    hash: bytes
    account_id: str
    role: Role


async def open_session(session: AsyncSession, account_id: str, rules: SignInRules, at: datetime) -> str:
    """The secret of a new session. It is always made here: one that a browser brings is never taken over."""
    secret = secrets.token_urlsafe(_BYTES)
    expires = at + timedelta(seconds=rules.session_lifetime)
    session.add(BrowserSession(hash=_hash(secret), account_id=account_id, created=at, used=at, expires=expires))
    await session.flush()
    return secret


async def find(session: AsyncSession, secret: str, rules: SignInRules, at: datetime) -> Found | None:
    """The session, if it has neither ended nor lain idle too long, and its account is active."""
    row = (
        await session.execute(
            select(BrowserSession.hash, BrowserSession.used, Account.id, Account.role)
            .join(Account, Account.id == BrowserSession.account_id)
            .where(
                BrowserSession.hash == _hash(secret),
                BrowserSession.expires > at,
                BrowserSession.used > at - timedelta(seconds=rules.session_idle),
                Account.status == AccountStatus.ACTIVE,
            )
        )
    ).one_or_none()
    if row is None:
        return None
    hashed, used, account_id, role = row
    if used < at - _USE_NOTED:
        await session.execute(update(BrowserSession).where(BrowserSession.hash == hashed).values(used=at))
    return Found(hashed, account_id, role)


async def end(session: AsyncSession, secret: str) -> None:
    """One that is not there has ended."""
    await session.execute(delete(BrowserSession).where(BrowserSession.hash == _hash(secret)))


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
