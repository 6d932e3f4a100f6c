"""What a buyer may look for in the catalogue, and how a search text is read."""

import re
from enum import StrEnum

from domain.ids import AccountId
from domain.money import Currency
from domain.values import Value

MAX_TEXT = 200


class Sort(StrEnum):
    NEWEST = "newest"
    PRICE = "price"
    PRICE_DESCENDING = "-price"
    RELEVANCE = "relevance"


class SearchText(Value):
    """A text in parts: `required` and `without` are in the language of PostgreSQL's websearch_to_tsquery.

    `words` are those of `required`, in phrases or not.
    """

    words: str
    required: str
    without: str

    @property
    def whole(self) -> str:
        return f"{self.required} {self.without}".strip()


# A phrase in quotation marks, of which the last may be missing, or a word; either may be taken out by a minus.
_PART = re.compile(r'(?P<minus>-?)(?:"(?P<phrase>[^"]*)"?|(?P<word>[^\s"]+))')


def read_text(text: str) -> SearchText:
    """Every word and phrase is required, but those after a minus, which must not be there.

    `or` is a word like any other that means nothing: what is looked for needs one list of products to be taken from.
    """
    words: list[str] = []
    required: list[str] = []
    without: list[str] = []
    for part in _PART.finditer(text):
        phrase = part["phrase"]
        said = (part["word"] or "").lstrip("-") if phrase is None else phrase.strip()
        if not said or (phrase is None and said.lower() == "or"):
            continue
        quoted = said if phrase is None else f'"{said}"'
        if part["minus"]:
            without.append(f"-{quoted}")
        else:
            words.append(said)
            required.append(quoted)
    return SearchText(words=" ".join(words), required=" ".join(required), without=" ".join(without))


class Wanted(Value):
    """Filters of a list of products; prices are in minor units of the currency, which they need."""

    text: SearchText | None = None
    category: str | None = None
    seller: AccountId | None = None
    currency: Currency | None = None
    min_price: int | None = None
    max_price: int | None = None
    in_stock: bool | None = None
    sort: Sort = Sort.NEWEST

    @property
    def by_price(self) -> bool:
        return self.sort in {Sort.PRICE, Sort.PRICE_DESCENDING}

    @property
    def priced(self) -> bool:
        """Whether a range of prices is asked for."""
        return self.min_price is not None or self.max_price is not None
