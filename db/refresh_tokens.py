"""The one writer of refresh tokens: a family a login, one token of it current, each exchanged for its successor.

A token that comes again is either an answer that was lost or a theft; `judge` in domain/sign_in.py says which.
"""

import hashlib
import hmac
import secrets
from base64 import urlsafe_b64encode
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import delete, exists, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from db import event_log
from db.ids import new_id
from db.tables import Account, RefreshToken, TokenFamily
from domain.accounts import AccountStatus
from domain.events import Event, EventType
from domain.orders import Role
from domain.sign_in import Presented, SignInRules, TokenTimes, judge

# Tells people, and programs that look for secrets in what people publish, what it is.
_PREFIX = "hfr_"
_BYTES = 32


class Issued(NamedTuple):
    """What a client gets to know of a family: its current token, and for whom access tokens are made from it."""

    token: str
    family_id: str
    account_id: str
    role: Role


async def open_family(session: AsyncSession, account: Account, rules: SignInRules, at: datetime) -> Issued:
    """The first token of a new login."""
    family = TokenFamily(
        id=new_id("fam"), account_id=account.id, created=at, expires=at + timedelta(seconds=rules.refresh_lifetime)
    )
    session.add(family)
    await session.flush()
    token = _readable(secrets.token_bytes(_BYTES))
    await _add(session, token, family, 1, rules, at)
    return Issued(token, family.id, account.id, account.role)


async def exchange(
    session: AsyncSession, token: str, rules: SignInRules, at: datetime, correlation_id: str
) -> Issued | None:
    """The successor of a token; None when it is not to be had, and then the transaction still has to commit.

    The family is locked: of several calls with one token one makes the successor, and the others are told the same one
    while they come soon and it is unused. A token that comes later ends the whole family.
    """
    hashed = _hash(token)
    of_token = select(RefreshToken.family_id).where(RefreshToken.hash == hashed)
    family = await session.scalar(select(TokenFamily).where(TokenFamily.id.in_(of_token)).with_for_update())
    if family is None:
        return None
    # Read after the lock was had: another call may have used it meanwhile.
    row = await session.scalar(select(RefreshToken).where(RefreshToken.hash == hashed))
    account = await session.get_one(Account, family.account_id)
    if row is None or account.status is not AccountStatus.ACTIVE:
        await end_family(session, family.id)
        return None
    times = TokenTimes(row.expires, family.expires, row.used, await _successor_used(session, row))
    match judge(times, at, rules.refresh_grace):
        case Presented.CURRENT:
            successor = await _succeed(session, token, row, family, rules, at)
        case Presented.REPEATED:
            assert row.salt is not None, "a used token has the salt of its successor"
            successor = _successor(token, row.salt)
        case Presented.REUSED:
            event_log.append(session, _reused(family, at, correlation_id))
            await end_family(session, family.id)
            return None
        case Presented.OVER:
            await end_family(session, family.id)
            return None
    return Issued(successor, family.id, account.id, account.role)


async def end_of(session: AsyncSession, token: str) -> None:
    """Log out: the family of a token, current or used, ends; an unknown one has ended."""
    of_token = select(RefreshToken.family_id).where(RefreshToken.hash == _hash(token))
    await session.execute(delete(TokenFamily).where(TokenFamily.id.in_(of_token)))


async def end_family(session: AsyncSession, family_id: str) -> None:
    """Its tokens go with it, those too that another transaction makes meanwhile."""
    await session.execute(delete(TokenFamily).where(TokenFamily.id == family_id))


async def _succeed(
    session: AsyncSession, token: str, row: RefreshToken, family: TokenFamily, rules: SignInRules, at: datetime
) -> str:
    salt = secrets.token_bytes(_BYTES)
    successor = _successor(token, salt)
    await session.execute(update(RefreshToken).where(RefreshToken.hash == row.hash).values(used=at, salt=salt))
    await _add(session, successor, family, row.number + 1, rules, at)
    return successor


async def _add(
    session: AsyncSession, token: str, family: TokenFamily, number: int, rules: SignInRules, at: datetime
) -> None:
    expires = min(at + timedelta(seconds=rules.refresh_idle), family.expires)
    session.add(RefreshToken(hash=_hash(token), family_id=family.id, number=number, created=at, expires=expires))
    await session.flush()


async def _successor_used(session: AsyncSession, row: RefreshToken) -> bool:
    used = exists().where(
        RefreshToken.family_id == row.family_id,
        RefreshToken.number == row.number + 1,
        RefreshToken.used.is_not(None),
    )
    return bool(await session.scalar(select(used)))


def _successor(token: str, salt: bytes) -> str:
    """256 bits that nobody can make who does not have both the token and the database."""
    return _readable(hmac.digest(token.encode(), salt, "sha256"))


def _readable(secret: bytes) -> str:
    return _PREFIX + urlsafe_b64encode(secret).rstrip(b"=").decode()


def _hash(token: str) -> bytes:
    """Plain SHA-256: there is nothing to guess in 256 random bits."""
    return hashlib.sha256(token.encode()).digest()


def _reused(family: TokenFamily, at: datetime, correlation_id: str) -> Event:
    return Event(
        type=EventType.ACCOUNT_TOKEN_REUSED,
        time=at,
        subject=family.account_id,
        data={"family_id": family.id},
        correlation_id=correlation_id,
    )
