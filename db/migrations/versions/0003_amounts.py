"""The limits of amounts that the tables declare on their columns: autogenerate leaves such checks out."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

CHECKS = (
    ("products", "price_not_negative", "price >= 0"),
    ("shipping_rates", "price_not_negative", "price >= 0"),
    ("tax_rates", "rate_fraction", "rate >= 0 AND rate < 1"),
    ("holds", "quantity_positive", "quantity > 0"),
    ("orders", "total_not_negative", "total >= 0"),
    ("order_lines", "quantity_positive", "quantity > 0"),
    ("payments", "amount_not_negative", "amount >= 0"),
    ("payment_operations", "amount_not_negative", "amount >= 0"),
    ("refunds", "amount_positive", "amount > 0"),
    ("postings", "amount_not_zero", "amount <> 0"),
)


def upgrade() -> None:
    for table, name, condition in CHECKS:
        op.create_check_constraint(op.f(f"ck_{table}_{name}"), table, condition)


def downgrade() -> None:
    for table, name, _ in CHECKS:
        op.drop_constraint(op.f(f"ck_{table}_{name}"), table, type_="check")
