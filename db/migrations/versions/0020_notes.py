"""Sellers note things for themselves on their parts of an order; parcels are looked for by their numbers."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("order_contacts", sa.Column("seller_notes", JSONB(), server_default="{}", nullable=False))
    op.create_index(op.f("ix_fulfilments_tracking_number"), "fulfilments", ["tracking_number"])


def downgrade() -> None:
    op.drop_index(op.f("ix_fulfilments_tracking_number"), table_name="fulfilments")
    op.drop_column("order_contacts", "seller_notes")
