"""Log in and check a token (C1, as far as the demo roles need it)."""

from typing import Annotated, Literal

from fastapi import APIRouter
from fastapi.concurrency import run_in_threadpool
from pwdlib import PasswordHash
from pydantic import BaseModel, StringConstraints
from sqlalchemy import func, select

from api.deps import SignedIn, Wired
from db.tables import Account
from domain.errors import CredentialsWrong
from domain.orders import Role
from domain.values import TEXT, Value

router = APIRouter(prefix="/v1/auth", tags=["Accounts"])

_hasher = PasswordHash.recommended()
# Checked when there is no such account, so that the answer takes as long as for a wrong password.
_DECOY = _hasher.hash("no account has this password")


class Credentials(BaseModel):
    email: Annotated[str, StringConstraints(strip_whitespace=True, min_length=3, max_length=254, pattern=TEXT)]
    password: Annotated[str, StringConstraints(min_length=1, max_length=200)]


class AccessToken(Value):
    """`expires_in` is in seconds."""

    object: Literal["access_token"] = "access_token"
    access_token: str
    token_type: Literal["bearer"] = "bearer"  # noqa: S105 - the name of a scheme
    expires_in: int


class Verified(Value):
    object: Literal["token"] = "token"
    account_id: str
    role: Role


@router.post("/login", operation_id="logIn", responses={401: {}})
async def log_in(body: Credentials, wired: Wired) -> AccessToken:
    """Exchange e-mail and password for an access token."""
    async with wired.database.transaction() as session:
        account = await session.scalar(select(Account).where(func.lower(Account.email) == body.email.lower()))
    matches = await run_in_threadpool(_hasher.verify, body.password, account.password_hash if account else _DECOY)
    if account is None or not matches:
        raise CredentialsWrong
    return AccessToken(
        access_token=wired.tokens.issue(account.id, account.role), expires_in=wired.tokens.lifetime_seconds
    )


@router.get("/verify", operation_id="verifyToken")
async def verify_token(caller: SignedIn) -> Verified:
    """Whose token this is."""
    return Verified(account_id=caller.account_id, role=caller.role)
