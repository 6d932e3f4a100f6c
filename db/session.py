"""Connections and transactions: one activity or request is one transaction, and nobody else commits."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.pool import NullPool


class Database:
    """A pool of connections to one PostgreSQL database.

    Failed statements never show their parameters: those may be personal data, and errors travel to Temporal and logs.
    """

    def __init__(self, url: str, *, pool_size: int = 20) -> None:
        self.url = url
        self.pool_size = pool_size
        self.engine = create_async_engine(
            make_url(url).set(drivername="postgresql+psycopg"),
            pool_size=pool_size,
            max_overflow=0,
            # A burst of requests queues for connections; what waits longer is told to come again.
            pool_timeout=30,
            pool_pre_ping=False,
            pool_use_lifo=True,
            hide_parameters=True,
            connect_args={"connect_timeout": 3},
        )
        self._sessions = async_sessionmaker(self.engine, expire_on_commit=False, autoflush=False)
        self._beside = create_async_engine(
            self.engine.url, poolclass=NullPool, hide_parameters=True, connect_args={"connect_timeout": 3}
        )

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        """One transaction: committed at the end of the block, rolled back when it raises."""
        async with self._sessions() as session, session.begin():
            yield session

    @asynccontextmanager
    async def beside(self) -> AsyncIterator[AsyncConnection]:
        """A connection that is not of the pool, for those who look after it: one that is all in use is no outage."""
        async with self._beside.connect() as connection:
            yield connection

    async def close(self) -> None:
        await self.engine.dispose()
