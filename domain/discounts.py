"""Discount codes: what they take off an order, and what becomes of their uses (R9)."""

from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Self

from pydantic import AfterValidator, Field, StrictBool, StringConstraints, model_validator

from domain.errors import DiscountNotApplicable
from domain.money import Currency, Minor, round_half_up
from domain.moves import Moves
from domain.values import Timestamp, Value

# What buyers type: letters of either case are the same code.
DiscountCode = Annotated[
    str, StringConstraints(strip_whitespace=True, to_upper=True, pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{2,39}$")
]
# Beyond these, a time may be one that the database takes and that can't be read back from it.
EARLIEST, LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)


def _in_reach(at: datetime) -> datetime:
    if not EARLIEST <= at < LATEST:
        message = f"must be from {EARLIEST.year} on and before {LATEST.year}"
        raise ValueError(message)
    return at


PeriodEnd = Annotated[Timestamp, AfterValidator(_in_reach)]
Positive = Annotated[Minor, Field(ge=1)]
Percent = Annotated[Decimal, Field(gt=0, le=100, max_digits=5, decimal_places=2)]


class DiscountKind(StrEnum):
    PERCENTAGE = "percentage"
    FIXED = "fixed"


class UseState(StrEnum):
    """A use is `held` while its order is open, `used` when that is completed, `returned` when it ended without a sale.

    Held and used ones count against the limits.
    """

    HELD = "held"
    USED = "used"
    RETURNED = "returned"


_HELD, _USED, _RETURNED = UseState
USE_MOVES = Moves(
    "discount use",
    {_HELD: frozenset({_USED, _RETURNED}), _USED: frozenset(), _RETURNED: frozenset()},
)
COUNTED = frozenset({UseState.HELD, UseState.USED})


class Inapplicable(StrEnum):
    """Why a code takes nothing off; a code that is switched off is as good as unknown to its buyers."""

    UNKNOWN = "unknown"
    NOT_STARTED = "not_started"
    ENDED = "ended"
    OTHER_CURRENCY = "other_currency"
    BELOW_MINIMUM = "below_minimum"
    NOTHING_OFF = "nothing_off"


class DiscountTerms(Value):
    """What a code takes off the goods of one order; shipping is never discounted. Amounts in minor units.

    `percent` (of the goods' sum) for a percentage, at most `cap`; `amount` for a fixed one. `minimum` is what the goods
    must cost. Amounts need a `currency`, and a code that has one is for orders in it. The period includes its start
    and excludes its end.
    """

    code: DiscountCode
    kind: DiscountKind
    percent: Percent | None = None
    amount: Positive | None = None
    currency: Currency | None = None
    minimum: Positive | None = None
    cap: Positive | None = None
    starts: PeriodEnd | None = None
    ends: PeriodEnd | None = None
    active: StrictBool = True

    @model_validator(mode="after")
    def _whole(self) -> Self:
        problem = self._incomplete()
        if problem is not None:
            raise ValueError(problem)
        return self

    def _incomplete(self) -> str | None:
        """What is wrong with the terms as a whole. The same stands as constraints of the table."""
        if (self.kind is DiscountKind.PERCENTAGE) != (self.percent is not None):
            return "A percentage has a percent, a fixed discount has none"
        if (self.kind is DiscountKind.FIXED) != (self.amount is not None):
            return "A fixed discount has an amount, a percentage has none"
        if self.kind is DiscountKind.FIXED and self.cap is not None:
            return "A fixed discount has no cap"
        if self.currency is None and (self.amount, self.minimum, self.cap) != (None, None, None):
            return "Amounts need a currency"
        if self.starts is not None and self.ends is not None and self.ends <= self.starts:
            return "It ends before it starts"
        return None

    def reduction(self, currency: str, subtotal: int, at: datetime) -> int:
        """What the code takes off goods of this sum at this time.

        Raises DiscountNotApplicable when it takes off nothing.
        """
        reason, off = self._inapplicable(currency, subtotal, at), self._off(subtotal)
        if reason is None and off == 0:
            reason = Inapplicable.NOTHING_OFF
        if reason is not None:
            raise DiscountNotApplicable(code=self.code, reason=reason)
        return off

    def _off(self, subtotal: int) -> int:
        if self.kind is DiscountKind.FIXED:
            assert self.amount is not None, "fixed terms have an amount"
            return min(self.amount, subtotal)
        assert self.percent is not None, "terms of a percentage have one"
        share = round_half_up(Decimal(subtotal) * self.percent / 100)
        return share if self.cap is None else min(share, self.cap)

    def _inapplicable(self, currency: str, subtotal: int, at: datetime) -> Inapplicable | None:
        if not self.active:
            return Inapplicable.UNKNOWN
        if self.starts is not None and at < self.starts:
            return Inapplicable.NOT_STARTED
        if self.ends is not None and at >= self.ends:
            return Inapplicable.ENDED
        if self.currency is not None and currency != self.currency:
            return Inapplicable.OTHER_CURRENCY
        if self.minimum is not None and subtotal < self.minimum:
            return Inapplicable.BELOW_MINIMUM
        return None
