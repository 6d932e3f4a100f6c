"""The API over a database alone, for what touches no order: accounts, and who is signed in."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
from fastapi import FastAPI
from sqlalchemy import select, update
from temporalio.client import Client

from api.cookies import CookieRules
from api.deps import Wiring
from api.tokens import Tokens
from db.ids import new_id
from db.passwords import hash_password
from db.session import Database
from db.tables import Account, BrowserSession, EventRow, LoginCounter, RefreshToken, TokenFamily
from domain.accounts import AccountStatus
from domain.orders import Policy, Role
from domain.sign_in import SignInRules
from tests.support.apps import quick_app
from tests.support.opening import SIGNING_KEY

PASSWORD = "correct horse battery staple"
SITE = "http://shop.example"


@dataclass
class Person:
    """Somebody with a browser or a program, at one address; keeps cookies, and tokens once logged in."""

    http: httpx2.AsyncClient
    email: str = ""
    tokens: dict[str, Any] = field(default_factory=dict)

    async def log_in(self, email: str, password: str = PASSWORD) -> httpx2.Response:
        answer = await self.http.post("/v1/auth/login", json={"email": email, "password": password})
        if answer.is_success:
            self.email, self.tokens = email, answer.json()
        return answer

    async def refresh(self, token: str | None = None) -> httpx2.Response:
        given = self.tokens["refresh_token"] if token is None else token
        return await self.http.post("/v1/auth/refresh", json={"refresh_token": given})

    async def call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> httpx2.Response:
        """By access token."""
        headers = {"Authorization": f"Bearer {self.tokens['access_token']}"}
        return await self.http.request(method, path, json=body, headers=headers)

    async def open_session(self, email: str, password: str = PASSWORD, **headers: str) -> httpx2.Response:
        body = {"email": email, "password": password}
        answer = await self.http.post("/v1/auth/session", json=body, headers=headers)
        if answer.is_success:
            self.tokens = {"csrf_token": answer.json()["csrf_token"]}
        return answer

    async def click(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, **headers: str
    ) -> httpx2.Response:
        """By cookie, as a page of ours does; headers that are given go before."""
        sent = {"Origin": SITE, "X-CSRF-Token": self.tokens.get("csrf_token", ""), **headers}
        return await self.http.request(method, path, json=body, headers={k: v for k, v in sent.items() if v})


@dataclass
class FrontDesk:
    database: Database
    app: FastAPI
    _people: AsyncExitStack

    @property
    def wiring(self) -> Wiring:
        held: Wiring = self.app.state.wiring
        return held

    def rule(self, **sign_in: Any) -> None:
        """Change how long sign-ins last and how often they may fail."""
        rules = self.wiring.sign_in.model_copy(update=sign_in)
        self.app.state.wiring = replace(self.wiring, sign_in=rules)

    async def person(self, address: str = "192.0.2.1", site: str = SITE) -> Person:
        transport = httpx2.ASGITransport(app=self.app, client=(address, 5))
        http = httpx2.AsyncClient(transport=transport, base_url=site)
        return Person(await self._people.enter_async_context(http))

    async def account(
        self, role: Role = Role.BUYER, status: AccountStatus = AccountStatus.ACTIVE, *, password: str = PASSWORD
    ) -> str:
        """The e-mail of a new account, which begins with its id."""
        identity = new_id("acc")
        async with self.database.transaction() as session:
            row = Account(
                id=identity,
                email=f"{identity}@example.com",
                name=f"A {role}",
                role=role,
                status=status,
                password_hash=hash_password(password),
                created=datetime.now(UTC),
            )
            session.add(row)
        return f"{identity}@example.com"

    async def logged_in(self, role: Role = Role.BUYER) -> Person:
        """Somebody with a new account, logged in by token."""
        someone = await self.person()
        answer = await someone.log_in(await self.account(role))
        assert answer.status_code == 200, answer.text
        return someone

    async def events(self, email: str) -> list[tuple[str, dict[str, Any]]]:
        """Types and data of what was logged of an account."""
        query = select(EventRow.type, EventRow.data).where(EventRow.subject == account_of(email))
        async with self.database.transaction() as session:
            return [(kind, data) for kind, data in await session.execute(query.order_by(EventRow.sequence))]

    async def age(self, by: timedelta) -> None:
        """Let time pass: whatever says when, of sign-ins, is so much older."""
        async with self.database.transaction() as session:
            for statement in (
                update(TokenFamily).values(created=TokenFamily.created - by, expires=TokenFamily.expires - by),
                update(RefreshToken).values(
                    created=RefreshToken.created - by,
                    expires=RefreshToken.expires - by,
                    used=RefreshToken.used - by,
                ),
                update(BrowserSession).values(
                    created=BrowserSession.created - by,
                    used=BrowserSession.used - by,
                    expires=BrowserSession.expires - by,
                ),
                update(LoginCounter).values(ends=LoginCounter.ends - by),
            ):
                await session.execute(statement, execution_options={"synchronize_session": False})


def account_of(email: str) -> str:
    return email.partition("@")[0]


def told(answer: httpx2.Response) -> tuple[int, str]:
    """Status and code of a refusal."""
    return answer.status_code, answer.json()["code"]


@asynccontextmanager
async def open_desk(database: Database) -> AsyncIterator[FrontDesk]:
    wiring = Wiring(
        database=database,
        # Nobody listens there: what is tested over this desk needs no workflow.
        temporal=await Client.connect("127.0.0.1:1", lazy=True),
        tokens=Tokens([SIGNING_KEY], 900),
        webhooks={},
        policy=Policy(payment_deadline=1800, inspection_window=3600),
        answer_budget_seconds=1.0,
        temporal_ui_url=None,
        sign_in=SignInRules(),
        cookies=CookieRules(secure=False),
    )
    async with AsyncExitStack() as people:
        yield FrontDesk(database, quick_app(wiring), people)
