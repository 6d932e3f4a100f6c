"""Mails: made of what the event log tells, then sent, each for itself. One that can't be sent stops no other."""

import asyncio
import time
from dataclasses import dataclass, field

import structlog
from pydantic import AwareDatetime
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from temporalio import activity

from activities.letters import Letters
from db import mails
from db.queries import order_view
from db.session import Database
from db.tables import Mail
from domain.mails import FOR_SELLERS, HOURLY, Away, Deferred, Letter, MailState, Post, Verdict, judged, overtaken
from domain.values import Value

# How many events are read in one transaction, and how often in one step.
_BATCH, _BATCHES = 200, 25
# How many mails are on their way at once: each holds a connection to the database only before and after.
_AT_ONCE = 4
# How long one step sends; the workflow asks for the next.
_SENDING_SECONDS = 20.0

_DATABASE_AWAY = (OSError, OperationalError, InterfaceError, PoolTimeoutError)

log = structlog.get_logger()


class MailStep(Value):
    at: AwareDatetime


class Collected(Value):
    """What the log told: `more` of it is unread, and mails are `due`, perhaps older ones.

    `withheld` were not made, since their accounts were written to too often.
    """

    made: int
    more: bool
    due: bool
    withheld: int = 0


class Posted(Value):
    """What became of the mails that were tried; `more` are due."""

    sent: int = 0
    put_off: int = 0
    dropped: int = 0
    failed: int = 0
    more: bool = False


class MailActivities:
    def __init__(self, database: Database, post: Post, letters: Letters) -> None:
        self._database = database
        self._post = post
        self._letters = letters

    async def begin(self) -> None:
        """Tell what happens from now on, unless that was said before; without the database, from the first look on."""
        try:
            async with self._database.transaction() as session:
                await mails.begin(session)
        except _DATABASE_AWAY as lost:
            log.warning("mails begin later", error=type(lost).__name__)

    @activity.defn(name="mails.collect")
    async def collect(self, step: MailStep) -> Collected:
        """Write down the mails that new events give rise to; read again, an event gives rise to none twice."""
        made, withheld, read = 0, 0, _BATCH
        async with self._database.transaction() as session:
            await mails.begin(session)
        for _ in range(_BATCHES):
            async with self._database.transaction() as session:
                read, new, kept_back = await mails.collect(session, _BATCH, step.at)
            made, withheld = made + new, withheld + kept_back
            if read < _BATCH:
                break
        if withheld:
            log.warning("mails withheld: too many for one account within an hour", withheld=withheld, limit=HOURLY)
        async with self._database.transaction() as session:
            due = await mails.due(session, step.at)
        return Collected(made=made, more=read == _BATCH, due=due, withheld=withheld)

    @activity.defn(name="mails.send")
    async def send(self, step: MailStep) -> Posted:
        """Send what is due, until nothing is, the time is up, or the server is away."""
        round_ = _Round(time.monotonic() + _SENDING_SECONDS)
        await asyncio.gather(*(self._send_while(round_, step) for _ in range(_AT_ONCE)))
        async with self._database.transaction() as session:
            more = not round_.away and await mails.due(session, step.at)
        counts = {str(state): round_.ended.count(state) for state in MailState}
        return Posted(
            sent=counts["sent"],
            put_off=counts["waiting"],
            dropped=counts["dropped"],
            failed=counts["failed"],
            more=more,
        )

    async def _send_while(self, round_: "_Round", step: MailStep) -> None:
        while round_.goes_on:
            # The claim is committed before anything is sent, and what became of it after: a sender that dies in
            # between leaves a mail that somebody sends again when the lease is over, under the same id.
            async with self._database.transaction() as session:
                mail = await mails.claim(session, step.at)
            if mail is None:
                return
            verdict, reason, away = await self._try(mail, step)
            round_.away = round_.away or away
            async with self._database.transaction() as session:
                if await mails.settle(session, mail, verdict, reason, step.at):
                    round_.ended.append(verdict.state)
            log.info(
                "mail", mail_id=mail.id, kind=mail.kind, order_id=mail.order_id, state=verdict.state, reason=reason
            )

    async def _try(self, mail: Mail, step: MailStep) -> tuple[Verdict, str | None, bool]:
        """What became of a claimed mail, why, and whether the server is away."""
        try:
            letter = await self._written(mail)
        except _DATABASE_AWAY:
            raise
        except Exception as error:  # noqa: BLE001 - as the comment says
            # Whatever is wrong with this one, by its data or by a template, is no reason to keep the others back.
            # Its text may hold what the letter is made of.
            log.warning("mail can't be written", mail_id=mail.id, kind=mail.kind, error=type(error).__name__)
            unwritable = Deferred(reason=f"unwritable: {type(error).__name__}")
            return judged(unwritable, mail.attempts, mail.created, step.at), unwritable.reason, False
        if letter is None:
            return Verdict(MailState.DROPPED, step.at), None, False
        outcome = await self._post.deliver(letter)
        reason = getattr(outcome, "reason", None)
        return judged(outcome, mail.attempts, mail.created, step.at), reason, isinstance(outcome, Away)

    async def _written(self, mail: Mail) -> Letter | None:
        """The letter as of now; None when there is nobody to write to any more, or nothing to write."""
        async with self._database.transaction() as session:
            event = await mails.event_of(session, mail)
            to = await mails.recipient(session, mail.account_id, mail.kind)
            order = await order_view(session, mail.order_id)
        if to is None or order is None or overtaken(mail.kind, order, mail.account_id):
            return None
        seen = order.for_seller(mail.account_id) if mail.kind in FOR_SELLERS else order.for_buyer()
        return self._letters.write(
            mail.id, mail.kind, date=mail.created, name=to.name, address=to.address, order=seen, data=event.data
        )


@dataclass(slots=True)
class _Round:
    """One step's sending: when it stops, and what became of its mails."""

    until: float
    away: bool = False
    ended: list[MailState] = field(default_factory=list)

    @property
    def goes_on(self) -> bool:
        return not self.away and time.monotonic() < self.until
