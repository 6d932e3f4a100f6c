"""The application may see which version of the schema it works on."""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("GRANT SELECT ON alembic_version TO holdfast_app")


def downgrade() -> None:
    op.execute("REVOKE ALL ON alembic_version FROM holdfast_app")
