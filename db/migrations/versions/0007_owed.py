"""Claims say what a workflow was asked and whether it is owed; incidents of that; refunds that fail after success."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
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
)


def upgrade() -> None:
    op.add_column("requests", sa.Column("verb", sa.String(), nullable=True))
    op.add_column("requests", sa.Column("command", postgresql.JSONB(), nullable=True))
    op.add_column("requests", sa.Column("owed", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.create_index("ix_requests_owed", "requests", ["created"], postgresql_where="owed AND command IS NOT NULL")
    _allow("incidents", *_BEFORE, "command_forgotten", "money_after_end")
    op.add_column("refunds", sa.Column("failed_after_success", sa.Boolean(), server_default=sa.false(), nullable=False))


def downgrade() -> None:
    op.drop_column("refunds", "failed_after_success")
    op.execute("DELETE FROM incidents WHERE kind IN ('command_forgotten', 'money_after_end')")
    _allow("incidents", *_BEFORE)
    op.drop_index("ix_requests_owed", "requests")
    op.drop_column("requests", "owed")
    op.drop_column("requests", "command")
    op.drop_column("requests", "verb")


def _allow(table: str, *kinds: str) -> None:
    op.drop_constraint(op.f(f"ck_{table}_kind"), table)
    op.create_check_constraint(op.f(f"ck_{table}_kind"), table, sa.column("kind").in_(kinds))
