"""The one writer of the ledger; call it in the transaction of the fact that moves the money."""

from datetime import datetime
from decimal import Decimal
from typing import TypeAlias

from sqlalchemy import or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from db.tables import LedgerAccount, LedgerEntry, LedgerPosting
from domain.ledger import GUARDED, Entry, Posting

_Key: TypeAlias = tuple[str, str | None, str]


async def post(session: AsyncSession, entry: Entry, at: datetime) -> bool:
    """Write a balanced entry once per (source_kind, source_id, kind); False when it stands already.

    Guarded balances move with it and stay locked until the transaction ends (platform accounts are never locked).
    """
    added = await session.scalar(
        insert(LedgerEntry)
        .values(kind=entry.kind, source_kind=entry.source_kind, source_id=entry.source_id, time=at)
        .on_conflict_do_nothing()
        .returning(LedgerEntry.id)
    )
    if added is None:
        return False
    accounts = await _accounts(session, entry.postings)
    session.add_all(
        LedgerPosting(
            entry_id=added,
            position=position,
            account_id=accounts[_key(posting)],
            asset=posting.asset,
            amount=Decimal(posting.amount),
        )
        for position, posting in enumerate(entry.postings)
    )
    guarded = [posting for posting in entry.postings if posting.account in GUARDED]
    for posting in sorted(guarded, key=lambda each: accounts[_key(each)]):
        await session.execute(
            update(LedgerAccount)
            .where(LedgerAccount.id == accounts[_key(posting)])
            .values(balance=LedgerAccount.balance - Decimal(posting.amount))
        )
    return True


def _key(posting: Posting) -> _Key:
    return posting.account, posting.owner, posting.asset


async def _accounts(session: AsyncSession, postings: tuple[Posting, ...]) -> dict[_Key, int]:
    found = await _known(session, postings)
    # Opened in one order, so that two entries never wait for each other's new accounts.
    missing = sorted(
        (posting for posting in postings if _key(posting) not in found),
        key=lambda each: (each.account, each.owner or "", each.asset),
    )
    if missing:
        await session.execute(
            insert(LedgerAccount)
            .values(
                [
                    {
                        "account": posting.account,
                        "owner_id": posting.owner,
                        "asset": posting.asset,
                        "balance": Decimal(0) if posting.account in GUARDED else None,
                    }
                    for posting in missing
                ]
            )
            .on_conflict_do_nothing()
        )
        found = await _known(session, postings)
    return found


async def _known(session: AsyncSession, postings: tuple[Posting, ...]) -> dict[_Key, int]:
    rows = await session.execute(
        select(LedgerAccount.account, LedgerAccount.owner_id, LedgerAccount.asset, LedgerAccount.id).where(
            LedgerAccount.account.in_({posting.account for posting in postings}),
            LedgerAccount.asset.in_({posting.asset for posting in postings}),
            or_(LedgerAccount.owner_id.is_(None), LedgerAccount.owner_id.in_({each.owner for each in postings})),
        )
    )
    return {(account, owner, asset): identity for account, owner, asset, identity in rows}
