"""Claims are found by their age, while something is kept of them."""

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_requests_kept", "requests", ["created"], postgresql_where="body IS NOT NULL")


def downgrade() -> None:
    op.drop_index("ix_requests_kept", "requests")
