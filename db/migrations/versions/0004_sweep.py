"""The sweep looks for webhooks that nothing came of, superseded ones among them: the index that finds both."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("UPDATE inbound_webhooks SET settled = received WHERE state = 'superseded' AND settled IS NULL")
    op.drop_index("ix_inbound_webhooks_received", "inbound_webhooks")
    op.create_index(
        "ix_inbound_webhooks_unheard",
        "inbound_webhooks",
        ["received"],
        postgresql_where="settled IS NULL AND state <> 'ignored'",
    )


def downgrade() -> None:
    op.drop_index("ix_inbound_webhooks_unheard", "inbound_webhooks")
    op.create_index(
        "ix_inbound_webhooks_received", "inbound_webhooks", ["received"], postgresql_where="state = 'received'"
    )
