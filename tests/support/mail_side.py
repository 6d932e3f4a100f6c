"""A mail server that takes everything, or does as it is told, the steps that send to it, and what they send."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select

import worker as workers
from activities.mails import MailActivities, MailStep, Posted
from db import mails
from db.session import Database
from db.tables import Mail
from domain.mails import MailState
from domain.orders import Role
from sandbox.mail.inbox import Do, Inbox, MailFault, MailScript
from sandbox.mail.inbox import Mail as Received
from sandbox.mail.smtp import serving_smtp
from sandbox.ports import LOOPBACK, free_port
from settings import Settings
from tests.support.arena import Arena, eventually

CONFIRMED, RECEIVED = "Your order is confirmed", "Payment received for your order"
SOLD = "You have sold goods: order"
# Of a paid order: its buyer twice, its seller once.
PAID = 3


@dataclass
class MailSide:
    """`inbox` is what came in; `steps` are those of the worker, called as it calls them."""

    inbox: Inbox
    steps: MailActivities
    port: int

    async def told(self, count: int = 1) -> None:
        """Wait until so many new mails are written down: a running transaction of somebody holds the log back."""
        made = 0

        async def collected() -> bool:
            nonlocal made
            made += (await self.steps.collect(MailStep(at=datetime.now(UTC)))).made
            return made >= count

        await eventually(collected)
        assert made == count

    async def send(self, later: timedelta = timedelta(0)) -> Posted:
        return await self.steps.send(MailStep(at=datetime.now(UTC) + later))

    def subjects(self, to: str) -> Counter[str]:
        """Without the order's number."""
        return Counter(_kind(mail) for mail in self.inbox.mails if to in mail.recipients)

    def ids(self) -> Counter[str]:
        return Counter(mail.message_id for mail in self.inbox.mails)

    def misbehave(self, recipient: str, do: Do, times: int | None = None) -> None:
        self.inbox.adopt(MailScript(faults=(MailFault(recipient=recipient, do=do, times=times),)))


def _kind(mail: Received) -> str:
    return " ".join(word for word in mail.subject.split() if not word.startswith("O-"))


def posting(database: Database, port: int) -> MailActivities:
    """The worker's own steps, as its settings make them."""
    settings = Settings.model_validate(
        {
            "database_url": "postgresql://nowhere",
            "smtp_host": LOOPBACK,
            "smtp_port": port,
            "smtp_tls": "none",
            "smtp_timeout": 5.0,
            "mail_from": "shop@käse.example",
            "shop_name": "Quay & Co",
        }
    )
    steps = workers.mailing(settings, database)
    assert steps is not None
    return steps


@asynccontextmanager
async def mail_side(database: Database) -> AsyncIterator[MailSide]:
    """A server that is up, and a consumer that reads from now on."""
    side = await quiet_side(database)
    async with serving_smtp(side.inbox, side.port):
        yield side


async def quiet_side(database: Database) -> MailSide:
    """The same, but the server is away."""
    async with database.transaction() as session:
        await mails.begin(session)
    port = free_port()
    return MailSide(Inbox(), posting(database, port), port)


def address(arena: Arena, who: Role | str) -> str:
    return f"{arena.people[who] if isinstance(who, Role) else who}@example.com"


async def paid(arena: Arena, buyer: Role | str = Role.BUYER, **other: Any) -> dict[str, Any]:
    answer = await arena.place(await arena.product(), who=buyer, **other)
    assert answer.status_code == 201, answer.text
    order: dict[str, Any] = answer.json()
    return order


async def states(arena: Arena) -> Counter[MailState]:
    async with arena.database.transaction() as session:
        return Counter(await session.scalars(select(Mail.state)))
