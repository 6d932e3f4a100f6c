"""Brings a database to the newest schema, and says how far it is."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection


def configuration(url: str) -> Config:
    """Alembic's configuration for one database; percent signs of the URL are escaped for its ini syntax."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
    return config


def upgrade(url: str) -> None:
    """Migrate to head; takes a login that owns the schema."""
    command.upgrade(configuration(url), "head")


def versions() -> list[str]:
    """The schema's versions that this release knows, newest first. Reads files."""
    return [script.revision for script in ScriptDirectory.from_config(configuration("")).walk_revisions()]


async def version_of(connection: AsyncConnection) -> str | None:
    """The version of the connected database's schema; None before its first migration."""
    found = await connection.scalar(text("SELECT version_num FROM alembic_version"))
    return None if found is None else str(found)
