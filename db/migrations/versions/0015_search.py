"""Lists that products are searched by, in the orders that they are read in; needs the extension pg_trgm."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_VECTOR = "setweight(to_tsvector('english', name), 'A') || setweight(to_tsvector('english', description), 'C')"
_LISTS = {
    "ix_products_newest": ["id"],
    "ix_products_price": ["currency", "price", "id"],
    "ix_products_seller_newest": ["seller_id", "id"],
    "ix_products_seller_price": ["seller_id", "currency", "price", "id"],
    "ix_products_category_newest": ["category_id", "id"],
    "ix_products_category_price": ["category_id", "currency", "price", "id"],
}

# Longer ones are no words: checksums, or made to fill the index. Numbers, of which every product has others, are not
# misspelt. Sorted, so that two products with the same new words never wait for each other.
_NEW_WORDS = """
INSERT INTO search_words (word)
SELECT DISTINCT said.lexeme FROM products, unnest(products.search) AS said
WHERE {which} AND length(said.lexeme) <= 100 AND said.lexeme !~ '[0-9]' ORDER BY said.lexeme
ON CONFLICT DO NOTHING
"""
_LIST = """
INSERT INTO product_words (word, in_name, product_id)
SELECT said.lexeme, 'A' = ANY (said.weights), products.id FROM products, unnest(products.search) AS said
WHERE {which} AND length(said.lexeme) <= 100
ON CONFLICT DO NOTHING
"""
_FUNCTION = f"""
CREATE FUNCTION list_product_words() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  fresh uuid[];
BEGIN
  IF TG_OP = 'INSERT' THEN
    fresh := ARRAY(SELECT id FROM new_rows WHERE active);
  ELSE
    DELETE FROM product_words AS listed
    USING (
      SELECT said.lexeme, 'A' = ANY (said.weights) AS in_name, old_rows.id
      FROM old_rows JOIN new_rows ON new_rows.id = old_rows.id, unnest(old_rows.search) AS said
      WHERE old_rows.active AND (NOT new_rows.active OR new_rows.search IS DISTINCT FROM old_rows.search)
    ) AS gone
    WHERE listed.word = gone.lexeme AND listed.in_name = gone.in_name AND listed.product_id = gone.id;
    fresh := ARRAY(
      SELECT new_rows.id FROM new_rows JOIN old_rows ON old_rows.id = new_rows.id
      WHERE new_rows.active AND (NOT old_rows.active OR new_rows.search IS DISTINCT FROM old_rows.search)
    );
  END IF;
  IF cardinality(fresh) > 0 THEN
    {_NEW_WORDS.format(which="products.id = ANY (fresh)")};
    {_LIST.format(which="products.id = ANY (fresh)")};
  END IF;
  RETURN NULL;
END $$
"""


def upgrade() -> None:
    op.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    op.add_column(
        "products", sa.Column("search", postgresql.TSVECTOR(), sa.Computed(_VECTOR, persisted=True), nullable=False)
    )
    op.drop_index(op.f("ix_products_seller_id"), table_name="products")
    for name, columns in _LISTS.items():
        op.create_index(name, "products", columns, unique=False, postgresql_where=sa.text("active"))
    op.create_index(
        "ix_products_set_aside",
        "products",
        ["seller_id", "id"],
        unique=False,
        postgresql_where=sa.text("NOT active AND archived IS NULL"),
    )
    op.create_table(
        "product_words",
        sa.Column("word", sa.String(), nullable=False),
        sa.Column("in_name", sa.Boolean(), nullable=False),
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("word", "in_name", "product_id", name=op.f("pk_product_words")),
    )
    op.create_table(
        "search_words",
        sa.Column("word", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("word", name=op.f("pk_search_words")),
    )
    op.execute(_NEW_WORDS.format(which="products.active"))
    op.execute(_LIST.format(which="products.active"))
    op.create_index(
        "ix_search_words_trigrams",
        "search_words",
        ["word"],
        unique=False,
        postgresql_using="gin",
        postgresql_ops={"word": "gin_trgm_ops"},
        postgresql_with={"fastupdate": "off"},
    )
    op.execute("GRANT SELECT, INSERT, DELETE ON product_words TO holdfast_app")
    op.execute("GRANT SELECT, INSERT ON search_words TO holdfast_app")
    op.execute(_FUNCTION)
    op.execute(
        "CREATE TRIGGER list_words_of_new AFTER INSERT ON products REFERENCING NEW TABLE AS new_rows "
        "FOR EACH STATEMENT EXECUTE FUNCTION list_product_words()"
    )
    op.execute(
        "CREATE TRIGGER list_words_of_changed AFTER UPDATE ON products "
        "REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows "
        "FOR EACH STATEMENT EXECUTE FUNCTION list_product_words()"
    )


def downgrade() -> None:
    op.execute("DROP TRIGGER list_words_of_changed ON products")
    op.execute("DROP TRIGGER list_words_of_new ON products")
    op.execute("DROP FUNCTION list_product_words()")
    op.drop_table("search_words")
    op.drop_table("product_words")
    op.drop_index("ix_products_set_aside", table_name="products")
    for name in _LISTS:
        op.drop_index(name, table_name="products")
    op.create_index(op.f("ix_products_seller_id"), "products", ["seller_id"], unique=False)
    op.drop_column("products", "search")
    op.execute("DROP EXTENSION pg_trgm")
