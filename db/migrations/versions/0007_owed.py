"""Claims say what was asked of a workflow, and whether it is still owed: then the sweep sends it again."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("requests", sa.Column("verb", sa.String(), nullable=True))
    op.add_column("requests", sa.Column("command", postgresql.JSONB(), nullable=True))
    op.add_column("requests", sa.Column("owed", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.drop_index("ix_requests_unanswered", "requests")
    op.create_index("ix_requests_owed", "requests", ["created"], postgresql_where="owed")


def downgrade() -> None:
    op.drop_index("ix_requests_owed", "requests")
    op.create_index("ix_requests_unanswered", "requests", ["created"], postgresql_where="status IS NULL")
    op.drop_column("requests", "owed")
    op.drop_column("requests", "command")
    op.drop_column("requests", "verb")
