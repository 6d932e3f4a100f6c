"""Deleted products stay as rows; categories are a tree, made of the words that products had; levels of little stock."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

# Words that differ in case and punctuation only become one category.
_SLUG = "trim(BOTH '-' FROM left(trim(BOTH '-' FROM regexp_replace(lower(category), '[^a-z0-9]+', '-', 'g')), 60))"
_CATEGORIES_OF_WORDS = f"""
INSERT INTO categories (id, slug, name, created, updated)
SELECT gen_random_uuid(), slug, min(category), now(), now()
FROM (SELECT category, {_SLUG} AS slug FROM products WHERE category IS NOT NULL) AS words
WHERE slug <> '' GROUP BY slug
"""
_PRODUCTS_IN_THEM = f"""
UPDATE products SET category_id = categories.id FROM categories
WHERE products.category IS NOT NULL AND categories.slug = {_SLUG}
"""
_WORDS_OF_CATEGORIES = """
UPDATE products SET category = categories.name FROM categories WHERE products.category_id = categories.id
"""


def upgrade() -> None:
    op.create_table(
        "categories",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("slug", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("parent_id", sa.Uuid(), nullable=True),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["parent_id"], ["categories.id"], name=op.f("fk_categories_parent_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_categories")),
        sa.UniqueConstraint("slug", name=op.f("uq_categories_slug")),
    )
    op.create_index(op.f("ix_categories_parent_id"), "categories", ["parent_id"], unique=False)
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON categories TO holdfast_app")
    op.add_column("products", sa.Column("category_id", sa.Uuid(), nullable=True))
    op.execute(_CATEGORIES_OF_WORDS)
    op.execute(_PRODUCTS_IN_THEM)
    op.drop_column("products", "category")
    op.create_foreign_key(op.f("fk_products_category_id"), "products", "categories", ["category_id"], ["id"])
    op.create_index(op.f("ix_products_category_id"), "products", ["category_id"], unique=False)
    op.add_column("products", sa.Column("archived", sa.DateTime(timezone=True), nullable=True))
    op.create_check_constraint(op.f("ck_products_archived_not_active"), "products", "archived IS NULL OR NOT active")
    op.add_column("stock", sa.Column("low_at", sa.BigInteger(), nullable=True))
    op.create_check_constraint(op.f("ck_stock_low_at_not_negative"), "stock", "low_at >= 0")


def downgrade() -> None:
    op.drop_constraint(op.f("ck_stock_low_at_not_negative"), "stock", type_="check")
    op.drop_column("stock", "low_at")
    op.drop_constraint(op.f("ck_products_archived_not_active"), "products", type_="check")
    op.drop_column("products", "archived")
    op.add_column("products", sa.Column("category", sa.String(), nullable=True))
    op.execute(_WORDS_OF_CATEGORIES)
    op.drop_index(op.f("ix_products_category_id"), table_name="products")
    op.drop_constraint(op.f("fk_products_category_id"), "products", type_="foreignkey")
    op.drop_column("products", "category_id")
    op.drop_index(op.f("ix_categories_parent_id"), table_name="categories")
    op.drop_table("categories")
