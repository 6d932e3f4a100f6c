"""What routes are given: the wiring of this process, and who is calling."""

from asyncio import Semaphore
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from temporalio.client import Client

from api.cookies import CookieRules
from api.limits import READS, Limits, Quota
from api.live import Live
from api.passwords import Passwords
from api.peers import Proxies
from api.tokens import Tokens
from db import accounts, browser_sessions
from db.accounts import Cause
from db.session import Database
from domain.errors import RateLimited, RoleNotAllowed, SessionEnded, TokenInvalid, TokenMissing
from domain.gateway import WebhookVerifier
from domain.orders import Policy, Role
from domain.sign_in import SignInRules
from domain.values import Value

# How many orders a process places at once; the others wait for their turn. All let in together, the last of a burst
# would run out of time for a database connection or for Temporal's answer, and be refused.
_PLACED_AT_ONCE = 400


@dataclass(frozen=True, slots=True)
class Wiring:
    """Everything the API works with; joined by the composition root (cli/serving.py)."""

    database: Database
    temporal: Client
    tokens: Tokens
    webhooks: Mapping[str, WebhookVerifier]
    policy: Policy
    answer_budget_seconds: float
    temporal_ui_url: str | None
    placing: Semaphore = field(default_factory=lambda: Semaphore(_PLACED_AT_ONCE))
    sign_in: SignInRules = field(default_factory=SignInRules)
    cookies: CookieRules = field(default_factory=CookieRules)
    passwords: Passwords = field(default_factory=Passwords)
    live: Live = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "live", Live(self.database))


class Principal(Value):
    """Who is calling, and by which login: the family of the access token, or the session of the cookie."""

    account_id: str
    role: Role
    family_id: str | None = None
    session: bytes | None = None
    # When the access token ends; a session is looked at in every call.
    until: datetime | None = None


def wiring(request: Request) -> Wiring:
    held: Wiring = request.app.state.wiring
    return held


Wired = Annotated[Wiring, Depends(wiring)]

_bearer = HTTPBearer(auto_error=False, description="The access token of POST /v1/auth/login.")


async def principal(
    request: Request, wired: Wired, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> Principal:
    """By the access token, or else by the session cookie.

    Raises TokenMissing, TokenInvalid, SessionEnded, OriginNotAllowed or CsrfTokenWrong.
    """
    if credentials is not None:
        return await _by_token(wired, credentials.credentials)
    secret = wired.cookies.read(request)
    if secret is None:
        raise TokenMissing
    return await _by_cookie(request, wired, secret)


async def _by_token(wired: Wiring, token: str) -> Principal:
    """An administrator's account is looked at in every call: who was blocked must not be able to undo it."""
    claims = wired.tokens.read(token)
    if claims.role is Role.ADMIN:
        async with wired.database.transaction() as session:
            if not await accounts.is_active(session, claims.sub, claims.role):
                raise TokenInvalid
    until = datetime.fromtimestamp(claims.exp, UTC)
    return Principal(account_id=claims.sub, role=claims.role, family_id=claims.sid, until=until)


async def _by_cookie(request: Request, wired: Wiring, secret: str) -> Principal:
    wired.cookies.check(request, secret)
    async with wired.database.transaction() as session:
        found = await browser_sessions.find(session, secret, wired.sign_in, now())
    if found is None:
        raise SessionEnded
    # The call was counted by its address before anybody knew whose it is.
    await count(request, Quota.ACCOUNT_READS if request.method in READS else Quota.ACCOUNT_WRITES, found.account_id)
    return Principal(account_id=found.account_id, role=found.role, session=found.hash)


async def count(request: Request, quota: Quota, account_id: str) -> None:
    """Raises RateLimited for a call that is one too many of the account."""
    limits: Limits | None = request.app.state.limits
    if limits is None:
        return
    try:
        await limits.check(quota, account_id)
    except RateLimited:
        request.app.state.metrics.limited(quota)
        raise


SignedIn = Annotated[Principal, Depends(principal)]


async def visitor(
    request: Request, wired: Wired, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> Principal | None:
    """Who is calling, if they say so; a session that has ended is nobody's. Raises TokenInvalid."""
    if credentials is None and wired.cookies.read(request) is None:
        return None
    try:
        return await principal(request, wired, credentials)
    except SessionEnded:
        return None


Visitor = Annotated[Principal | None, Depends(visitor)]


@dataclass(frozen=True, slots=True)
class Only:
    """A dependency that lets these roles pass. Raises RoleNotAllowed."""

    roles: frozenset[Role]

    def __call__(self, caller: SignedIn) -> Principal:
        if caller.role not in self.roles:
            raise RoleNotAllowed(role=caller.role)
        return caller


def only(*roles: Role) -> Only:
    return Only(frozenset(roles))


Buyer = Annotated[Principal, Depends(only(Role.BUYER))]
Staff = Annotated[Principal, Depends(only(Role.SELLER, Role.ADMIN))]
Admin = Annotated[Principal, Depends(only(Role.ADMIN))]


def now() -> datetime:
    """The time of the request."""
    return datetime.now(UTC)


def correlation_id(request: Request) -> str:
    return str(request.scope["state"]["request_id"])


CorrelationId = Annotated[str, Depends(correlation_id)]


def cause(correlation: CorrelationId) -> Cause:
    """The call, as what happens to an account in it is logged."""
    return Cause(now(), correlation)


ByThisCall = Annotated[Cause, Depends(cause)]


def client_address(request: Request) -> str:
    """Where the call comes from, through the proxies that are trusted to tell it."""
    proxies: Proxies = request.app.state.proxies
    return proxies.caller(request.scope)


ClientAddress = Annotated[str, Depends(client_address)]
