"""Discount codes and their uses; commission, frozen on the lines; parts of an order that are called off or accepted."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_APP = "holdfast_app"
_RATE = sa.Numeric(precision=7, scale=6)


def upgrade() -> None:
    _discounts()
    _uses()
    for table in ("discounts", "discount_uses"):
        op.execute(f"GRANT SELECT, INSERT, UPDATE ON {table} TO {_APP}")
    op.add_column("accounts", sa.Column("commission_rate", _RATE, nullable=True))
    op.create_check_constraint(
        op.f("ck_accounts_commission_rate_fraction"), "accounts", "commission_rate >= 0 AND commission_rate < 1"
    )
    op.add_column("orders", sa.Column("discount_code", sa.String(), nullable=True))
    op.add_column("order_lines", sa.Column("commission_rate", _RATE, server_default=sa.text("0"), nullable=False))
    op.add_column("order_lines", sa.Column("commission", sa.BigInteger(), server_default=sa.text("0"), nullable=False))
    op.add_column("fulfilments", sa.Column("accepted", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    op.add_column("refunds", sa.Column("fulfilment_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(op.f("fk_refunds_fulfilment_id"), "refunds", "fulfilments", ["fulfilment_id"], ["id"])
    op.create_unique_constraint(op.f("uq_refunds_fulfilment_id"), "refunds", ["fulfilment_id"])


def _discounts() -> None:
    op.create_table(
        "discounts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum("percentage", "fixed", name="kind", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column("percent", sa.Numeric(precision=5, scale=2), nullable=True),
        sa.Column("amount", sa.BigInteger(), nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=True),
        sa.Column("minimum", sa.BigInteger(), nullable=True),
        sa.Column("cap", sa.BigInteger(), nullable=True),
        sa.Column("starts", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ends", sa.DateTime(timezone=True), nullable=True),
        sa.Column("active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("listed", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("uses", sa.Integer(), nullable=True),
        sa.Column("uses_per_buyer", sa.Integer(), nullable=True),
        sa.Column("taken", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("code ~ '^[A-Z0-9][A-Z0-9_-]{2,39}$'", name=op.f("ck_discounts_code_as_typed")),
        sa.CheckConstraint(
            "(kind = 'percentage') = (percent IS NOT NULL)", name=op.f("ck_discounts_percent_of_a_percentage")
        ),
        sa.CheckConstraint("(kind = 'fixed') = (amount IS NOT NULL)", name=op.f("ck_discounts_amount_of_a_fixed_one")),
        sa.CheckConstraint("kind <> 'fixed' OR cap IS NULL", name=op.f("ck_discounts_no_cap_on_a_fixed_one")),
        sa.CheckConstraint(
            "currency IS NOT NULL OR num_nonnulls(amount, minimum, cap) = 0",
            name=op.f("ck_discounts_amounts_in_a_currency"),
        ),
        sa.CheckConstraint("percent > 0 AND percent <= 100", name=op.f("ck_discounts_percent_in_range")),
        sa.CheckConstraint("amount > 0 AND minimum > 0 AND cap > 0", name=op.f("ck_discounts_amounts_positive")),
        sa.CheckConstraint("ends > starts", name=op.f("ck_discounts_period_not_empty")),
        sa.CheckConstraint("uses > 0 AND uses_per_buyer > 0", name=op.f("ck_discounts_limits_positive")),
        sa.CheckConstraint("taken >= 0", name=op.f("ck_discounts_taken_not_negative")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_discounts")),
        sa.UniqueConstraint("code", name=op.f("uq_discounts_code")),
    )


def _uses() -> None:
    op.create_table(
        "discount_uses",
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("discount_id", sa.Uuid(), nullable=False),
        sa.Column("buyer_id", sa.Uuid(), nullable=False),
        sa.Column(
            "state",
            sa.Enum("held", "used", "returned", name="state", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["buyer_id"], ["accounts.id"], name=op.f("fk_discount_uses_buyer_id")),
        sa.ForeignKeyConstraint(["discount_id"], ["discounts.id"], name=op.f("fk_discount_uses_discount_id")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_discount_uses_order_id")),
        sa.PrimaryKeyConstraint("order_id", name=op.f("pk_discount_uses")),
    )
    op.create_index("ix_discount_uses_buyer", "discount_uses", ["discount_id", "buyer_id"])


def downgrade() -> None:
    op.drop_constraint(op.f("uq_refunds_fulfilment_id"), "refunds")
    op.drop_constraint(op.f("fk_refunds_fulfilment_id"), "refunds")
    op.drop_column("refunds", "fulfilment_id")
    op.drop_column("fulfilments", "accepted")
    op.drop_column("order_lines", "commission")
    op.drop_column("order_lines", "commission_rate")
    op.drop_column("orders", "discount_code")
    op.drop_constraint(op.f("ck_accounts_commission_rate_fraction"), "accounts")
    op.drop_column("accounts", "commission_rate")
    op.drop_table("discount_uses")
    op.drop_table("discounts")
