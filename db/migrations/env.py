"""Runs the migrations on the connection or URL that the caller put into the configuration."""

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlalchemy import Connection, create_engine, make_url
from sqlalchemy.dialects.postgresql.base import ischema_names
from sqlalchemy.pool import NullPool

from db.ids import TypeIdColumn
from db.tables import Table
from db.tables.events import TransactionId

# Autogenerate compares with what it reads from the database, and has to know our own type there.
ischema_names["xid8"] = TransactionId


def _render(kind: str, item: Any, autogen: AutogenContext) -> str | Literal[False]:  # noqa: ANN401 - Alembic's signature
    """Migrations name plain types, so that they still run when ours have changed."""
    if kind == "type" and isinstance(item, TypeIdColumn):
        return "sa.Uuid()"
    if kind == "type" and isinstance(item, TransactionId):
        autogen.imports.add("from db.tables.events import TransactionId")
        return "TransactionId()"
    return False


def _run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=Table.metadata,
        transaction_per_migration=True,
        render_item=_render,
    )
    with context.begin_transaction():
        context.run_migrations()


def _run_by_url() -> None:
    url = context.config.get_main_option("sqlalchemy.url")
    assert url is not None
    engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"), poolclass=NullPool, hide_parameters=True)
    with engine.connect() as connection:
        _run(connection)


given = context.config.attributes.get("connection")
if given is None:
    _run_by_url()
else:
    _run(given)
