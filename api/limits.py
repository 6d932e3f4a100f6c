"""Rate limits: so many calls in a window, for every account, and for every address that calls without one.

The header fields are those of https://datatracker.ietf.org/doc/html/draft-ietf-httpapi-ratelimit-headers-11
(`RateLimit`, `RateLimit-Policy`), and those of its drafts up to 06 that clients read today (`RateLimit-Limit`, …).
"""

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import cast

import structlog
from limits import RateLimitItem
from limits.aio.storage import Storage
from limits.aio.strategies import FixedWindowRateLimiter
from limits.errors import StorageError
from limits.storage import storage_from_string
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import problems
from api.metrics import Metrics
from api.peers import Proxies
from domain.errors import HoldfastError, RateLimited

# Those who look after the system, and providers, who come in bursts and whose signature is checked before anything.
_UNLIMITED = frozenset({"/health", "/health/live", "/health/ready", "/metrics", "/version"})
_UNLIMITED_BELOW = "/v1/webhooks/"
READS = frozenset({"GET", "HEAD", "OPTIONS"})
# How long Redis may take: a limit is not worth waiting for.
_STORE_SECONDS = 0.5
# Between two lines of the log about a store that is away.
_COMPLAIN_EVERY_SECONDS = 60.0

log = structlog.get_logger()


class Quota(StrEnum):
    """What is counted by itself."""

    ACCOUNT_READS = "account-reads"
    ACCOUNT_WRITES = "account-writes"
    ADDRESS_READS = "address-reads"
    ADDRESS_WRITES = "address-writes"
    # Guessing at codes that nobody was told.
    DISCOUNT_CODES = "discount-codes"


@dataclass(frozen=True, slots=True)
class Standing:
    """How a caller stands with a quota after a call; `reset` is in seconds."""

    quota: Quota
    limit: RateLimitItem
    remaining: int
    reset: int
    exceeded: bool

    def tell(self, headers: MutableHeaders) -> None:
        window = self.limit.get_expiry()
        headers["RateLimit-Policy"] = f'"{self.quota}";q={self.limit.amount};w={window}'
        headers["RateLimit"] = f'"{self.quota}";r={self.remaining};t={self.reset}'
        headers["RateLimit-Limit"] = str(self.limit.amount)
        headers["RateLimit-Remaining"] = str(self.remaining)
        headers["RateLimit-Reset"] = str(self.reset)


class Limits:
    """The quotas and where they are counted. A quota that is not named has no limit."""

    def __init__(self, quotas: Mapping[Quota, RateLimitItem], store: str = "memory://") -> None:
        """`store` is `memory://`, for one process, or the URL of a Redis that all processes share."""
        self._quotas = quotas
        self._windows = FixedWindowRateLimiter(_storage(store))
        self._complained = -math.inf

    async def count(self, quota: Quota, caller: str) -> Standing | None:
        """Count one call; None when nothing limits it, or when nobody can count."""
        limit = self._quotas.get(quota)
        if limit is None:
            return None
        try:
            within = await self._windows.hit(limit, quota, caller)
            seen = await self._windows.get_window_stats(limit, quota, caller)
        except StorageError as lost:
            self._complain(lost)
            return None
        reset = max(1, math.ceil(seen.reset_time - time.time()))
        return Standing(quota, limit, max(0, seen.remaining), min(reset, limit.get_expiry()), exceeded=not within)

    async def check(self, quota: Quota, caller: str) -> None:
        """Count one call. Raises RateLimited when it is one too many."""
        standing = await self.count(quota, caller)
        if standing is not None and standing.exceeded:
            raise RateLimited(retry_after=standing.reset)

    def _complain(self, lost: StorageError) -> None:
        """An outage of the counters is no reason to refuse anybody."""
        if time.monotonic() - self._complained > _COMPLAIN_EVERY_SECONDS:
            self._complained = time.monotonic()
            log.warning("calls are not limited", error=type(lost.storage_error).__name__)


class RateLimiting:
    """Refuses what is too much before anything of it is read."""

    def __init__(self, app: ASGIApp, *, limits: Limits, proxies: Proxies, metrics: Metrics) -> None:
        self.app = app
        self._limits = limits
        self._proxies = proxies
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or unlimited(scope["path"]):
            await self.app(scope, receive, send)
            return
        quota, caller = self._counted(scope)
        standing = await self._limits.count(quota, caller)
        if standing is None:
            await self.app(scope, receive, send)
            return

        async def with_standing(message: Message) -> None:
            if message["type"] == "http.response.start":
                standing.tell(MutableHeaders(scope=message))
            await send(message)

        if standing.exceeded:
            self._metrics.limited(quota)
            refusal = RateLimited(retry_after=standing.reset)
            answer = problems.response_of(refusal, scope["state"]["request_id"])
            await answer(scope, receive, with_standing)
        else:
            await self.app(scope, receive, with_standing)

    def _counted(self, scope: Scope) -> tuple[Quota, str]:
        reads = scope["method"] in READS
        account = _account(scope)
        if account is not None:
            return Quota.ACCOUNT_READS if reads else Quota.ACCOUNT_WRITES, account
        return Quota.ADDRESS_READS if reads else Quota.ADDRESS_WRITES, self._proxies.caller(scope)


def unlimited(path: str) -> bool:
    """Whether calls of this address are not counted."""
    return path in _UNLIMITED or path.startswith(_UNLIMITED_BELOW)


def _account(scope: Scope) -> str | None:
    """Whose token the call carries; a token that is not ours, or of the past, makes nobody of its bearer."""
    scheme, _, token = Headers(scope=scope).get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        return None
    try:
        return str(scope["app"].state.wiring.tokens.read(token.strip()).sub)
    except HoldfastError:
        return None


def _storage(url: str) -> Storage:
    options: dict[str, float | str | bool] = {"wrap_exceptions": True}
    if not url.startswith("memory:"):
        patience = {"socket_timeout": _STORE_SECONDS, "socket_connect_timeout": _STORE_SECONDS}
        options |= {"implementation": "redispy", **patience}
    return cast("Storage", storage_from_string(f"async+{url}", **options))
