"""Stored webhooks say whether money was taken: the sweep has to know it of those that reached no workflow."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("inbound_webhooks", sa.Column("paid", sa.Boolean(), server_default=sa.false(), nullable=False))


def downgrade() -> None:
    op.drop_column("inbound_webhooks", "paid")
