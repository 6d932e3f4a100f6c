"""Exact money: integers in minor units with an ISO 4217 currency, one rounding mode, exact splits."""

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Annotated, Self

from pydantic import AfterValidator, Field

from domain.errors import AmountsDiffer, CurrencyUnsupported
from domain.values import Value

# ISO 4217 exponents (list one); the funds codes and metals that nobody is charged in are left out.
_EXPONENT_0 = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF"
_EXPONENT_2 = (
    "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY COP CRC CUP "
    "CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES "
    "KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK "
    "NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB "
    "TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VES WST XCD YER ZAR ZMW"
)
_EXPONENT_3 = "BHD IQD JOD KWD LYD OMR TND"

EXPONENTS: dict[str, int] = {
    code: exponent
    for exponent, codes in ((0, _EXPONENT_0), (2, _EXPONENT_2), (3, _EXPONENT_3))
    for code in codes.split()
}

# Far above any order and far below BIGINT, so that a sum of ten thousand lines still fits a row.
MAX_AMOUNT = 10**14


def _supported(code: str) -> str:
    if code not in EXPONENTS:
        raise CurrencyUnsupported(currency=code)
    return code


def _known(code: str) -> str:
    if code not in EXPONENTS:
        message = "is not a supported ISO 4217 currency"
        raise ValueError(message)
    return code


Currency = Annotated[str, AfterValidator(_known)]
Minor = Annotated[int, Field(strict=True, ge=-MAX_AMOUNT, le=MAX_AMOUNT)]


class Money(Value):
    """An amount in minor units of one currency (1999 USD is $19.99, 1999 JPY is ¥1999)."""

    amount: Minor
    currency: Currency

    @classmethod
    def zero(cls, currency: str) -> Self:
        return cls(amount=0, currency=currency)

    def __add__(self, other: Self) -> Self:
        return self._with(self.amount + self._same(other))

    def __sub__(self, other: Self) -> Self:
        return self._with(self.amount - self._same(other))

    def __mul__(self, count: int) -> Self:
        return self._with(self.amount * count)

    def __lt__(self, other: Self) -> bool:
        return self.amount < self._same(other)

    def __le__(self, other: Self) -> bool:
        return self.amount <= self._same(other)

    def _same(self, other: Self) -> int:
        if other.currency != self.currency:
            raise AmountsDiffer(left=self.currency, right=other.currency)
        return other.amount

    def _with(self, amount: int) -> Self:
        return type(self)(amount=amount, currency=self.currency)


def exponent(currency: str) -> int:
    """How many decimal places the currency has.

    Raises CurrencyUnsupported for a code that is not in ISO 4217 or that nobody is charged in.
    """
    return EXPONENTS[_supported(currency)]


def in_words(amount: int, currency: str) -> str:
    """An amount in minor units with as many places as the currency has: 1999 USD is 19.99 USD, 1999 JPY 1,999 JPY."""
    places = exponent(currency)
    return f"{Decimal(amount).scaleb(-places):,.{places}f} {currency}"


def round_half_up(value: Decimal) -> int:
    """The one rounding mode of Holdfast: to whole minor units, halves away from zero."""
    return int(value.quantize(Decimal(1), rounding=ROUND_HALF_UP))


def allocate(total: int, weights: Sequence[int]) -> list[int]:
    """Split a total by weights so that the parts sum to it exactly, by largest remainder.

    Ties go to the earlier part, so the same order always splits the same way. With no weight at all, the first
    part takes everything.
    """
    if not weights:
        return []
    whole = sum(weights)
    if whole == 0:
        return [total, *([0] * (len(weights) - 1))]
    sign = -1 if total < 0 else 1
    shares = [divmod(abs(total) * weight, whole) for weight in weights]
    parts = [quotient for quotient, _ in shares]
    left = abs(total) - sum(parts)
    by_remainder = sorted(range(len(weights)), key=lambda index: (-shares[index][1], index))
    for index in by_remainder[:left]:
        parts[index] += 1
    return [sign * part for part in parts]
