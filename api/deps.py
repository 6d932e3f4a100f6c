"""What routes are given: the wiring of this process, and who is calling."""

from asyncio import Semaphore
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from temporalio.client import Client

from api.tokens import Tokens
from db.session import Database
from domain.errors import RoleNotAllowed, TokenMissing
from domain.gateway import WebhookVerifier
from domain.orders import Policy, Role
from domain.values import Value

# How many orders a process places at once; the others wait for their turn. All let in together, the last of a burst
# would run out of time for a database connection or for Temporal's answer, and be refused.
_PLACED_AT_ONCE = 400


@dataclass(frozen=True, slots=True)
class Wiring:
    """Everything the API works with; joined by the composition root (cli.py)."""

    database: Database
    temporal: Client
    tokens: Tokens
    webhooks: Mapping[str, WebhookVerifier]
    policy: Policy
    answer_budget_seconds: float
    temporal_ui_url: str | None
    placing: Semaphore = field(default_factory=lambda: Semaphore(_PLACED_AT_ONCE))


class Principal(Value):
    """Who is calling, by the access token."""

    account_id: str
    role: Role


def wiring(request: Request) -> Wiring:
    held: Wiring = request.app.state.wiring
    return held


Wired = Annotated[Wiring, Depends(wiring)]

_bearer = HTTPBearer(auto_error=False, description="The access token of POST /v1/auth/login.")


def principal(wired: Wired, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]) -> Principal:
    """Raises TokenMissing or TokenInvalid."""
    if credentials is None:
        raise TokenMissing
    claims = wired.tokens.read(credentials.credentials)
    return Principal(account_id=claims.sub, role=claims.role)


SignedIn = Annotated[Principal, Depends(principal)]


def visitor(
    wired: Wired, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> Principal | None:
    """Who is calling, if they say so. Raises TokenInvalid."""
    return None if credentials is None else principal(wired, credentials)


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
