"""Products that are deleted stay as rows."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("products", sa.Column("archived", sa.DateTime(timezone=True), nullable=True))
    op.create_check_constraint(op.f("ck_products_archived_not_active"), "products", "archived IS NULL OR NOT active")


def downgrade() -> None:
    op.drop_constraint(op.f("ck_products_archived_not_active"), "products", type_="check")
    op.drop_column("products", "archived")
