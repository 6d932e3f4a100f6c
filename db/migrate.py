"""Brings a database to the newest schema."""

from pathlib import Path

from alembic import command
from alembic.config import Config


def configuration(url: str) -> Config:
    """Alembic's configuration for one database; percent signs of the URL are escaped for its ini syntax."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
    return config


def upgrade(url: str) -> None:
    """Migrate to head; takes a login that owns the schema."""
    command.upgrade(configuration(url), "head")
