"""Held orders; more kinds of incidents, with details; an index on claims without an answer; cards given later."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_BEFORE = ("order_without_workflow", "payment_unknown")
_ADDED = (
    "claim_without_workflow",
    "workflow_of_closed_order",
    "order_not_unwound",
    "authorization_lapses",
    "refund_failed",
    "invariant_broken",
)


def upgrade() -> None:
    op.add_column("orders", sa.Column("held", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.alter_column("payment_attempts", "payment_method_id", nullable=True)
    op.add_column("inbound_webhooks", sa.Column("refund_id", sa.Uuid(), nullable=True))
    op.add_column("incidents", sa.Column("details", sa.String(), nullable=True))
    _allow("incidents", *_BEFORE, *_ADDED)
    _allow("ledger_entries", "capture", "refund", "sale", "refund_returned")
    op.create_index("ix_requests_unanswered", "requests", ["created"], postgresql_where="status IS NULL")


def downgrade() -> None:
    op.drop_index("ix_requests_unanswered", "requests")
    op.drop_column("inbound_webhooks", "refund_id")
    op.execute("UPDATE payment_attempts SET payment_method_id = '' WHERE payment_method_id IS NULL")
    op.alter_column("payment_attempts", "payment_method_id", nullable=False)
    _allow("incidents", *_BEFORE)
    _allow("ledger_entries", "capture", "refund", "sale")
    op.drop_column("incidents", "details")
    op.drop_column("orders", "held")


def _allow(table: str, *kinds: str) -> None:
    op.drop_constraint(op.f(f"ck_{table}_kind"), table)
    op.create_check_constraint(op.f(f"ck_{table}_kind"), table, sa.column("kind").in_(kinds))
