"""Accounts by the command line, for whoever has the database: the first administrator, and erasure on request."""

from datetime import UTC, datetime

from db import accounts, erasure
from db.accounts import Cause, NewAccount
from db.ids import new_id
from db.passwords import hash_password
from db.session import Database
from db.tables import Account
from domain.accounts import PASSWORD_MAX, PASSWORD_MIN, AccountStatus, check_fit
from domain.errors import PasswordUnfit, ResourceNotFound
from domain.orders import Role


async def create(database: Database, email: str, name: str, role: Role, password: str) -> str:
    """What came of it, in words. Raises PasswordUnfit or EmailTaken."""
    if not PASSWORD_MIN <= len(password) <= PASSWORD_MAX:
        raise PasswordUnfit(why=f"it has to have {PASSWORD_MIN} to {PASSWORD_MAX} characters")
    check_fit(password, email, name)
    new = NewAccount(email, name, role, AccountStatus.ACTIVE, hash_password(password))
    async with database.transaction() as session:
        made = await accounts.register(session, new, _cause())
    return f"{made.id} is an active {made.role}"


async def erase(database: Database, account_id: str) -> str:
    """What came of it, in words. Raises ResourceNotFound, LastAdministrator, or what still binds the account."""
    if not Account.id.type.reads(account_id):
        raise ResourceNotFound(resource="account", id=account_id)
    async with database.transaction() as session:
        erased = await erasure.erase(session, account_id, _cause())
    return f"{account_id} is erased" if erased else f"{account_id} was erased before"


def _cause() -> Cause:
    return Cause(datetime.now(UTC), new_id("req"))
