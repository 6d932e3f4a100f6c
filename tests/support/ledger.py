"""What stands in the ledger, as tests compare it."""

from collections import Counter

from sqlalchemy import select

from db.tables import LedgerAccount, LedgerEntry, LedgerPosting
from domain.ledger import EntryKind
from tests.support.arena import Arena


async def sale_postings(arena: Arena, order: str) -> Counter[str]:
    """What the order's sale posted, by account, in minor units: debits are positive."""
    query = (
        select(LedgerAccount.account, LedgerPosting.amount)
        .join(LedgerPosting, LedgerPosting.account_id == LedgerAccount.id)
        .join(LedgerEntry, LedgerEntry.id == LedgerPosting.entry_id)
        .where(LedgerEntry.kind == EntryKind.SALE, LedgerEntry.source_id == order)
    )
    posted: Counter[str] = Counter()
    async with arena.database.transaction() as session:
        for account, amount in await session.execute(query):
            posted[str(account)] += int(amount)
    return posted
