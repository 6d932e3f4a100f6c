"""Whether somebody still may what their access token says: it outlives a block, an erasure and a change of role."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from db.tables import Account
from domain.accounts import AccountStatus
from domain.errors import TokenInvalid
from domain.orders import Role


async def check(session: AsyncSession, account_id: str, role: Role) -> None:
    """Raises TokenInvalid. Who is blocked meanwhile is waited for, and who is blocked later waits for this change."""
    standing = select(Account.id).where(
        Account.id == account_id, Account.role == role, Account.status == AccountStatus.ACTIVE
    )
    if await session.scalar(standing.with_for_update(read=True)) is None:
        raise TokenInvalid
