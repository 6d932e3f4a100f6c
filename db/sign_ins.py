"""All sign-ins of an account at once, and what is left of those that are over."""

from datetime import datetime

from sqlalchemy import delete, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from db.tables import BrowserSession, LoginCounter, TokenFamily

# How many rows of each kind are cleared away at once.
_AT_ONCE = 20


async def end_all(
    session: AsyncSession, account_id: str, *, but_family: str | None = None, but_session: bytes | None = None
) -> None:
    """End every sign-in of an account, but for the one that the call came with."""
    families = delete(TokenFamily).where(TokenFamily.account_id == account_id)
    sessions = delete(BrowserSession).where(BrowserSession.account_id == account_id)
    if but_family is not None:
        families = families.where(TokenFamily.id != but_family)
    if but_session is not None:
        sessions = sessions.where(BrowserSession.hash != but_session)
    await session.execute(families)
    await session.execute(sessions)


async def clear_away(session: AsyncSession, at: datetime) -> None:
    """Delete some of what is over. In a transaction of its own: it locks rows that others wait for in no order."""
    counter = tuple_(LoginCounter.kind, LoginCounter.name, LoginCounter.address)
    over = (
        select(LoginCounter.kind, LoginCounter.name, LoginCounter.address)
        .where(LoginCounter.ends <= at)
        .limit(_AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    await session.execute(delete(LoginCounter).where(counter.in_(over)))
    await _clear(session, TokenFamily.id, TokenFamily.expires, at)
    await _clear(session, BrowserSession.hash, BrowserSession.expires, at)


async def _clear(
    session: AsyncSession,
    key: InstrumentedAttribute[str] | InstrumentedAttribute[bytes],
    expires: InstrumentedAttribute[datetime],
    at: datetime,
) -> None:
    over = select(key).where(expires <= at).limit(_AT_ONCE).with_for_update(skip_locked=True)
    await session.execute(delete(key.class_).where(key.in_(over)))
