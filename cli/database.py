"""A verb's database, for as long as it takes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from db.session import Database
from settings import Settings


@asynccontextmanager
async def opened(told: Settings, pool_size: int = 2) -> AsyncIterator[Database]:
    database = Database(told.database_url.get_secret_value(), pool_size=pool_size)
    try:
        yield database
    finally:
        await database.close()
