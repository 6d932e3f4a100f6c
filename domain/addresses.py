"""Where goods go: the address that people read, and the part of it that prices depend on."""

from typing import Annotated

from pydantic import StringConstraints

from domain.values import TEXT, WORD, Value

CountryCode = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]


class Destination(Value):
    """Where tax and shipping are computed for: all of an address that workflows ever see."""

    country: CountryCode
    region: Annotated[str, StringConstraints(strip_whitespace=True)] = ""
    postal_code: str = ""


Line1 = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=WORD)]
Line2 = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200, pattern=TEXT)]


class Address(Value):
    name: Line1
    line1: Line1
    line2: Line2 = ""
    city: Line1
    region: Line2 = ""
    postal_code: Annotated[str, StringConstraints(strip_whitespace=True, max_length=20, pattern=TEXT)] = ""
    country: CountryCode

    @property
    def place(self) -> Destination:
        return Destination(country=self.country, region=self.region, postal_code=self.postal_code)
