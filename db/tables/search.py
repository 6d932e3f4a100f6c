"""What the catalogue is searched by: the words of the products, in lists that are read in order (decision 17)."""

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from db.tables.declarative import ProductKey, Table


class ProductWord(Table):
    """A word of a product that is for sale: `word` has these products, first those named by it, newest first.

    Triggers on `products` keep the lists. There is no foreign key: products stay as rows, and a check for every word
    would be most of the work.
    """

    __tablename__ = "product_words"

    word: Mapped[str] = mapped_column(primary_key=True)
    in_name: Mapped[bool] = mapped_column(primary_key=True)
    product_id: Mapped[ProductKey] = mapped_column(primary_key=True)


class SearchWord(Table):
    """Every word without a number that a product ever had: what a misspelt one is compared with."""

    __tablename__ = "search_words"

    word: Mapped[str] = mapped_column(primary_key=True)

    __table_args__ = (
        Index(
            "ix_search_words_trigrams",
            "word",
            postgresql_using="gin",
            postgresql_ops={"word": "gin_trgm_ops"},
            # What waits in a list would be read word by word.
            postgresql_with={"fastupdate": "off"},
        ),
    )


class SearchSpelling(Table):
    """A word that a misspelt one is compared with, by what is left of it without any one of its letters, and by itself.

    Two words of which one has a letter too many, too few or other, or two neighbours the wrong way round, have a
    spelling in common: the right one is found without a look at all that are alike. A trigger on `search_words` keeps
    the list, for words of two to thirty letters.
    """

    __tablename__ = "search_spellings"

    spelling: Mapped[str] = mapped_column(primary_key=True)
    word: Mapped[str] = mapped_column(primary_key=True)
