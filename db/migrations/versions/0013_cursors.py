"""The index that consumers read the log by, built while the log is written to."""

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.create_index(
            "ix_events_transaction_id", "events", ["transaction_id", "sequence"], postgresql_concurrently=True
        )


def downgrade() -> None:
    with op.get_context().autocommit_block():
        op.drop_index("ix_events_transaction_id", "events", postgresql_concurrently=True)
