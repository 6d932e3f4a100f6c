"""Mails, how far consumers have read the log, and incidents of mails that were given up."""

import sqlalchemy as sa
from alembic import op

from db.tables.events import TransactionId

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_BEFORE = (
    "order_without_workflow",
    "payment_unknown",
    "claim_without_workflow",
    "workflow_of_closed_order",
    "order_not_unwound",
    "authorization_lapses",
    "refund_failed",
    "invariant_broken",
    "command_forgotten",
    "money_after_end",
    "money_moved_outside",
    "refund_overdue",
)
_KINDS = (
    "order_confirmed",
    "order_delivered",
    "order_cancelled",
    "order_failed",
    "payment_received",
    "payment_declined",
    "shipment_sent",
    "part_cancelled",
    "refund_paid",
    "sale_confirmed",
    "sale_cancelled",
)
_STATES = ("waiting", "sending", "sent", "dropped", "failed")


def upgrade() -> None:
    op.create_table(
        "event_cursors",
        sa.Column("consumer", sa.String(), nullable=False),
        sa.Column("transaction_id", TransactionId(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("floor", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.PrimaryKeyConstraint("consumer", name=op.f("pk_event_cursors")),
    )
    op.create_table(
        "mails",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("kind", _enum("kind", _KINDS), nullable=False),
        sa.Column("state", _enum("state", _STATES), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("due", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settled", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["event_id"], ["events.id"], name=op.f("fk_mails_event_id")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_mails_order_id")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_mails_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mails")),
        sa.UniqueConstraint("event_id", "account_id", "kind", name=op.f("uq_mails_event_id_account_id_kind")),
    )
    op.create_index(op.f("ix_mails_order_id"), "mails", ["order_id"])
    op.create_index(op.f("ix_mails_account_id"), "mails", ["account_id"])
    op.create_index("ix_mails_unsent", "mails", ["due", "id"], postgresql_where="state IN ('waiting', 'sending')")
    op.create_index(
        "uq_mails_declined", "mails", ["order_id"], unique=True, postgresql_where="kind = 'payment_declined'"
    )
    for table in ("event_cursors", "mails"):
        op.execute(f"GRANT SELECT, INSERT, UPDATE ON {table} TO holdfast_app")
    _allow(*_BEFORE, "mail_failed")


def downgrade() -> None:
    op.execute("DELETE FROM incidents WHERE kind = 'mail_failed'")
    _allow(*_BEFORE)
    op.drop_table("mails")
    op.drop_table("event_cursors")


def _enum(name: str, values: tuple[str, ...]) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=32)


def _allow(*kinds: str) -> None:
    op.drop_constraint(op.f("ck_incidents_kind"), "incidents")
    op.create_check_constraint(op.f("ck_incidents_kind"), "incidents", sa.column("kind").in_(kinds))
