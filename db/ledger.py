"""The one writer of the ledger; call it in the transaction of the fact that moves the money."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeAlias

from sqlalchemy import ARRAY, and_, any_, bindparam, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from db.tables import LedgerAccount, LedgerEntry, LedgerPosting
from domain.ledger import GUARDED, Entry, Posting

_Key: TypeAlias = tuple[str, str | None, str]


async def post(session: AsyncSession, entry: Entry, at: datetime) -> bool:
    """Write a balanced entry once per (source_kind, source_id, kind); False when it stands already.

    Guarded balances move with it and stay locked until the transaction ends (platform accounts are never locked).
    """
    added, accounts = await _insert(session, entry, at)
    if added is None:
        return False
    if not accounts.keys() >= {_key(posting) for posting in entry.postings}:
        accounts = await _opened(session, entry.postings, accounts)
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


async def _insert(session: AsyncSession, entry: Entry, at: datetime) -> tuple[int | None, dict[_Key, int]]:
    """Insert the entry unless it stands already: its number, and the accounts of its postings that are open."""
    wanted = {"kind": entry.kind, "source_kind": entry.source_kind, "source_id": entry.source_id, "time": at}
    rows = await session.execute(_INSERT, wanted | _of(entry.postings))
    number, accounts = None, {}
    for number, account, owner, asset, identity in rows:  # noqa: B007 - the same in every row
        if identity is not None:
            accounts[account, owner, asset] = identity
    return number, accounts


async def _opened(session: AsyncSession, postings: tuple[Posting, ...], known: Mapping[_Key, int]) -> dict[_Key, int]:
    """The accounts of all postings, after those that nobody has posted to yet were opened."""
    # Opened in one order, so that two entries never wait for each other's new accounts.
    missing = sorted(
        {_key(posting) for posting in postings} - known.keys(), key=lambda each: (each[0], each[1] or "", each[2])
    )
    await session.execute(
        insert(LedgerAccount)
        .values(
            [
                {
                    "account": account,
                    "owner_id": owner,
                    "asset": asset,
                    "balance": Decimal(0) if account in GUARDED else None,
                }
                for account, owner, asset in missing
            ]
        )
        .on_conflict_do_nothing()
    )
    rows = await session.execute(_OPEN, _of(postings))
    return {(account, owner, asset): identity for account, owner, asset, identity in rows}


def _of(postings: tuple[Posting, ...]) -> dict[str, Any]:
    """The parameters by which the accounts of postings are found."""
    return {
        "accounts": list({posting.account for posting in postings}),
        "assets": list({posting.asset for posting in postings}),
        "owners": list({posting.owner for posting in postings if posting.owner is not None}),
    }


# Built once, at import: decision 6.
_ACCOUNT = (LedgerAccount.account, LedgerAccount.owner_id, LedgerAccount.asset, LedgerAccount.id)
_WANTED = and_(
    LedgerAccount.account == any_(bindparam("accounts", type_=ARRAY(LedgerAccount.account.type))),
    LedgerAccount.asset == any_(bindparam("assets", type_=ARRAY(LedgerAccount.asset.type))),
    or_(
        LedgerAccount.owner_id.is_(None),
        LedgerAccount.owner_id == any_(bindparam("owners", type_=ARRAY(LedgerAccount.owner_id.type))),
    ),
)
_ADDED = (
    insert(LedgerEntry)
    .values({name: bindparam(name) for name in ("kind", "source_kind", "source_id", "time")})
    .on_conflict_do_nothing()
    .returning(LedgerEntry.id)
    .cte("added")
)
_INSERT = select(_ADDED.c.id, *_ACCOUNT).select_from(_ADDED).outerjoin(LedgerAccount, _WANTED)
_OPEN = select(*_ACCOUNT).where(_WANTED)
