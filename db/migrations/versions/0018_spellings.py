"""Words are found by how they are misspelt by one letter."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

# Longer words are not understood when they are misspelt: each costs a row per letter.
_SPELLINGS = """
INSERT INTO search_spellings (spelling, word)
SELECT DISTINCT left(words.word, letter - 1) || substr(words.word, letter + 1), words.word
FROM {words} AS words, generate_series(1, length(words.word) + 1) AS letter
WHERE length(words.word) BETWEEN 2 AND 30
ON CONFLICT DO NOTHING
"""
_FUNCTION = f"""
CREATE FUNCTION list_spellings() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  {_SPELLINGS.format(words="new_rows")};
  RETURN NULL;
END $$
"""


def upgrade() -> None:
    op.create_table(
        "search_spellings",
        sa.Column("spelling", sa.String(), nullable=False),
        sa.Column("word", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("spelling", "word", name=op.f("pk_search_spellings")),
    )
    op.execute("GRANT SELECT, INSERT ON search_spellings TO holdfast_app")
    op.execute(_FUNCTION)
    op.execute(
        "CREATE TRIGGER list_spellings_of_new AFTER INSERT ON search_words REFERENCING NEW TABLE AS new_rows "
        "FOR EACH STATEMENT EXECUTE FUNCTION list_spellings()"
    )
    # With the trigger there already, which keeps other words from being added until this is committed.
    op.execute(_SPELLINGS.format(words="search_words"))


def downgrade() -> None:
    op.execute("DROP TRIGGER list_spellings_of_new ON search_words")
    op.execute("DROP FUNCTION list_spellings()")
    op.drop_table("search_spellings")
