"""Orders are looked for by when they were placed."""

from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(op.f("ix_orders_created"), "orders", ["created"])


def downgrade() -> None:
    op.drop_index(op.f("ix_orders_created"), table_name="orders")
