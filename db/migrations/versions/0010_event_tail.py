"""An index by which new events are found as their transactions end."""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_events_transaction", "events", ["transaction_id"])


def downgrade() -> None:
    op.drop_index("ix_events_transaction", "events")
