"""Idempotency-Key: claimed before Temporal is called; final answers are replayed byte for byte."""

import hashlib
import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Depends, Header, Response
from sqlalchemy import false, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from api import problems
from api.deps import CorrelationId, Principal, Wired, Wiring, now
from db import commands
from db.ids import new_id
from db.tables import Account, Request
from domain.accounts import AccountStatus
from domain.errors import (
    HoldfastError,
    IdempotencyKeyMalformed,
    IdempotencyKeyRequired,
    IdempotencyKeyReused,
    TokenInvalid,
)
from domain.sweep import KEPT

_KEY = re.compile(r"^[\x20-\x7e]{1,255}$")
_JSON = "application/json"
_ACCEPTED = 202


def idempotency_key(
    key: Annotated[
        str | None,
        Header(
            alias="Idempotency-Key",
            description=f"Required: 1 to 255 printable ASCII characters, kept {KEPT.days} days.",
        ),
    ] = None,
) -> str:
    """Raises IdempotencyKeyRequired or IdempotencyKeyMalformed."""
    if key is None:
        raise IdempotencyKeyRequired
    if not _KEY.match(key):
        raise IdempotencyKeyMalformed
    return key


@dataclass(slots=True)
class Claim:
    """A claimed key: `request_id` is the update id, `resource_id` what the call creates or changes.

    `owed` until it is known that Temporal keeps what was asked, or that nobody may count on it.
    """

    request_id: str
    resource_id: str
    created: datetime
    owed: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """What a call ends in; 202 is not final and never stored."""

    status: int
    body: bytes
    headers: dict[str, str]

    @property
    def final(self) -> bool:
        return self.status != _ACCEPTED


Prepared = TypeVar("Prepared")


@dataclass(frozen=True, slots=True)
class Call(Generic[Prepared]):
    """One idempotent call: `route` names it with its path parameters, `resource_id` is for a fresh claim.

    One that is `owed` stays so until `act` says otherwise; `verb` and `command` are what a workflow is told by it.
    `recall` answers a repeat from the stored outcome, if there is one. `prepare` reads what `act` needs, in the claim's
    transaction: what it refuses for a fresh key leaves no claim behind. `act` makes the one Temporal call.
    """

    caller: Principal
    route: str
    body: dict[str, Any]
    resource_id: str
    recall: Callable[[AsyncSession, Claim], Awaitable[Answer | None]]
    prepare: Callable[[AsyncSession, Claim], Awaitable[Prepared]]
    act: Callable[[Claim, Prepared], Awaitable[Answer]]
    request_id: str = field(default_factory=partial(new_id, "req"))
    owed: bool = False
    verb: str | None = None
    command: dict[str, Any] | None = None

    @property
    def fingerprint(self) -> bytes:
        """What is null or empty counts as left out: a field that comes with a new version changes no earlier call."""
        said = {name: value for name, value in self.body.items() if value not in (None, "", [], {})}
        return hashlib.sha256(json.dumps([self.route, said], sort_keys=True).encode()).digest()


@dataclass(frozen=True, slots=True)
class Idempotency:
    """The Idempotency-Key of one request, and what to answer it with."""

    wired: Wiring
    key: str
    correlation_id: str

    async def once(self, call: Call[Prepared]) -> Response:
        """Claim the key, act, store a final answer; a repeat gets the first answer.

        Raises IdempotencyKeyReused for the same key with another body, or TokenInvalid for the token of an account
        that is blocked, erased, or has another role by now.
        """
        async with self.wired.database.transaction() as session:
            row, fresh = await self._claim(session, call)
            if row.fingerprint != call.fingerprint:
                raise IdempotencyKeyReused
            if row.status is not None and row.response is not None:
                return _replayed(row.status, row.response)
            claim = Claim(request_id=row.id, resource_id=row.resource_id, created=row.created, owed=call.owed)
            if fresh:
                prepared = await call.prepare(session, claim)
        try:
            if not fresh:
                async with self.wired.database.transaction() as session:
                    recalled = await call.recall(session, claim)
                    if recalled is not None:
                        return await self._answered(call, claim, recalled)
                    prepared = await call.prepare(session, claim)
            return await self._answered(call, claim, await call.act(claim, prepared))
        except HoldfastError as refusal:
            if refusal.retryable or refusal.status >= 500:  # noqa: PLR2004 - HTTP's own boundary
                await self._owe(call, claim)
                raise
            body = problems.body_of(refusal, self.correlation_id)
            await self._store(claim, refusal.status, body)
            return Response(body, refusal.status, media_type=problems.MEDIA_TYPE)

    async def _answered(self, call: Call[Any], claim: Claim, answer: Answer) -> Response:
        if answer.final:
            await self._store(claim, answer.status, answer.body)
        else:
            await self._owe(call, claim)
        return Response(answer.body, answer.status, answer.headers, media_type=_JSON)

    async def _claim(self, session: AsyncSession, call: Call[Any]) -> tuple[Request, bool]:
        await session.execute(
            insert(Request)
            .values(
                id=call.request_id,
                account_id=call.caller.account_id,
                route=call.route,
                key=self.key,
                fingerprint=call.fingerprint,
                resource_id=call.resource_id,
                body=call.body,
                verb=call.verb,
                command=call.command,
                owed=call.owed,
                created=now(),
            )
            .on_conflict_do_nothing()
        )
        # After the claim has locked the account, which an erasure would have to wait for.
        row, role, status = (
            await session.execute(
                select(Request, Account.role, Account.status)
                .join(Account, Account.id == Request.account_id)
                .where(
                    Request.account_id == call.caller.account_id, Request.route == call.route, Request.key == self.key
                )
            )
        ).one()
        if (role, status) != (call.caller.role, AccountStatus.ACTIVE):
            raise TokenInvalid
        fresh = row.id == call.request_id
        if not fresh and row.status is None:
            row.owed = call.owed
        return row, fresh

    async def _owe(self, call: Call[Any], claim: Claim) -> None:
        """Without a final answer it is written down at once whether somebody counts on the call."""
        if call.owed:
            async with self.wired.database.transaction() as session:
                await commands.owe(session, claim.request_id, owed=claim.owed)

    async def _store(self, claim: Claim, status: int, body: bytes) -> None:
        """Keep the first final answer."""
        async with self.wired.database.transaction() as session:
            await session.execute(
                update(Request)
                # The body goes when its account is erased: what was said of it is not written after that.
                .where(Request.id == claim.request_id, Request.body.is_not(None))
                .values(
                    status=func.coalesce(Request.status, status),
                    response=func.coalesce(Request.response, body),
                    owed=Request.owed if claim.owed else false(),
                )
            )


def _replayed(status: int, body: bytes) -> Response:
    media_type = _JSON if status < 400 else problems.MEDIA_TYPE  # noqa: PLR2004 - HTTP's own boundary
    return Response(body, status, {"Idempotency-Replayed": "true"}, media_type=media_type)


def _idempotency(wired: Wired, key: Annotated[str, Depends(idempotency_key)], request_id: CorrelationId) -> Idempotency:
    return Idempotency(wired=wired, key=key, correlation_id=request_id)


Once = Annotated[Idempotency, Depends(_idempotency)]
