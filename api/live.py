"""Live status: whoever follows an order is woken when something new is logged about it."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import structlog
from sqlalchemy.exc import SQLAlchemyError

from db import event_tail
from db.session import Database
from domain.errors import StreamsExhausted

# How many connections one account, and one process, may hold open.
PER_ACCOUNT = 20
PER_PROCESS = 2000
# Between two looks at the log, for all followers of the process together.
_LOOK_SECONDS = 0.2
# After a look that failed: a database that is down is not asked five times a second.
_LOOK_AGAIN_SECONDS = 2.0
_RETRY_AFTER_SECONDS = 10

log = structlog.get_logger()


class Changes:
    """Tells one follower that something new was logged; several tellings are one."""

    def __init__(self) -> None:
        self._told = asyncio.Event()

    def tell(self) -> None:
        self._told.set()

    async def wait(self, seconds: float) -> None:
        """Until something is told, or the time is over."""
        try:
            async with asyncio.timeout(seconds):
                await self._told.wait()
        except TimeoutError:
            return
        self._told.clear()


class Live:
    """One look at the log serves all followers of the process; it is made only while there are any."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._followers: defaultdict[str, set[Changes]] = defaultdict(set)
        self._open: Counter[str] = Counter()
        self._since = ""
        self._looking: asyncio.Task[None] | None = None
        self._starting = asyncio.Lock()

    @asynccontextmanager
    async def following(self, account_id: str, subject: str) -> AsyncIterator[Changes]:
        """Follow a subject: whatever is read of it inside the block, what is logged later is told.

        Raises StreamsExhausted when the account or the process has too many followers.
        """
        changes = Changes()
        with self._place(account_id):
            self._followers[subject].add(changes)
            try:
                await self._look()
                yield changes
            finally:
                self._followers[subject].discard(changes)
                if not self._followers[subject]:
                    del self._followers[subject]

    @contextmanager
    def _place(self, account_id: str) -> Iterator[None]:
        if self._open[account_id] >= PER_ACCOUNT or self._open.total() >= PER_PROCESS:
            raise StreamsExhausted(retry_after=_RETRY_AFTER_SECONDS)
        self._open[account_id] += 1
        try:
            yield
        finally:
            self._open[account_id] -= 1
            if not self._open[account_id]:
                del self._open[account_id]

    async def _look(self) -> None:
        """Have the log looked at from now on."""
        async with self._starting:
            if self._looking is None or self._looking.done():
                async with self._database.transaction() as session:
                    self._since = await event_tail.oldest_running(session)
                self._looking = asyncio.create_task(self._tell_all())

    async def _tell_all(self) -> None:
        while self._followers:
            try:
                async with self._database.transaction() as session:
                    self._since, changed = await event_tail.changed(session, self._followers, self._since)
            except (OSError, SQLAlchemyError) as error:
                log.warning("the event log can't be looked at", error=type(error).__name__)
                await asyncio.sleep(_LOOK_AGAIN_SECONDS)
                continue
            for subject in changed:
                for follower in self._followers.get(subject, ()):
                    follower.tell()
            await asyncio.sleep(_LOOK_SECONDS)
