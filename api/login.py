"""Comparing a password: tries are counted first, and it takes as long whether there is such an account or not."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession

from api.deps import Principal, Wiring, now
from db import accounts, login_limits, sign_ins
from db.login_limits import Attempt
from db.tables import Account
from domain.errors import CredentialsWrong, PasswordWrong, RateLimited


@dataclass(frozen=True, slots=True)
class Proof:
    """The password was right for what the account had then: `accepted` looks again under lock."""

    account_id: str
    seen_hash: str
    renewed: str | None
    attempt: Attempt


async def prove(wired: Wiring, email: str, password: str, address: str) -> Proof:
    """Who logs in. Raises CredentialsWrong or RateLimited, neither of which tells whether there is such an account."""
    proof = await _compared(
        wired, Attempt.of(email, address), password, lambda session: accounts.by_email(session, email)
    )
    if proof is None:
        raise CredentialsWrong
    return proof


async def prove_again(wired: Wiring, caller: Principal, password: str, address: str) -> Proof:
    """That a caller knows the password too. Raises TokenInvalid, PasswordWrong or RateLimited."""
    async with wired.database.transaction() as session:
        own = await accounts.active(session, caller.account_id)
    assert own.email is not None, "an active account has an e-mail"

    async def the_same(_: AsyncSession) -> Account:
        return own

    proof = await _compared(wired, Attempt.of(own.email, address), password, the_same)
    if proof is None:
        raise PasswordWrong
    async with wired.database.transaction() as session:
        await login_limits.forgive(session, proof.attempt)
    return proof


async def accepted(session: AsyncSession, proof: Proof) -> Account:
    """The account under lock, in the transaction that acts on the proof.

    Raises CredentialsWrong, AccountNotApproved or AccountBlocked.
    """
    account = await accounts.confirmed(session, proof.account_id, proof.seen_hash)
    await login_limits.forgive(session, proof.attempt)
    if proof.renewed is not None:
        account.password_hash = proof.renewed
    return account


async def count_registration(wired: Wiring, address: str) -> None:
    """Raises RateLimited."""
    async with wired.database.transaction() as session:
        wait = await login_limits.count_registration(session, address, wired.sign_in, now())
    await _clear_away(wired)
    if wait is not None:
        raise RateLimited(retry_after=wait)


async def _compared(
    wired: Wiring, attempt: Attempt, password: str, find: Callable[[AsyncSession], Awaitable[Account | None]]
) -> Proof | None:
    async with wired.database.transaction() as session:
        wait = await login_limits.count_login(session, attempt, wired.sign_in, now())
        account = await find(session) if wait is None else None
    await _clear_away(wired)
    if wait is not None:
        raise RateLimited(retry_after=wait)
    stored = None if account is None else account.password_hash
    try:
        checked = await wired.passwords.check(password, stored)
    except RateLimited:
        async with wired.database.transaction() as session:
            await login_limits.take_back(session, attempt)
        raise
    if account is None or stored is None or not checked.right:
        return None
    return Proof(account.id, stored, checked.renewed, attempt)


async def _clear_away(wired: Wiring) -> None:
    """Counters are for minutes; nobody but who makes them takes them away."""
    async with wired.database.transaction() as session:
        await sign_ins.clear_away(session, now())
