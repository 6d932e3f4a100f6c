"""Amounts in Stripe's minor units, which are not ISO 4217's for every currency."""

from domain.errors import RequestRefusedByProvider
from domain.money import exponent

# Where Stripe's minor unit is not ISO 4217's: https://docs.stripe.com/currencies#special-cases
_EXPONENTS = {"ISK": 2, "UGX": 2, "MGA": 0}
# The smallest step that Stripe charges in its own minor unit.
_STEPS = {"ISK": 100, "UGX": 100, "BHD": 10, "IQD": 10, "JOD": 10, "KWD": 10, "LYD": 10, "OMR": 10, "TND": 10}


def to_stripe(amount: int, currency: str) -> int:
    """Our minor units as Stripe's. Raises RequestRefusedByProvider for an amount that Stripe can't charge exactly."""
    shift = _EXPONENTS.get(currency, exponent(currency)) - exponent(currency)
    scaled, rest = (amount * _power(shift), 0) if shift >= 0 else divmod(amount, _power(-shift))
    if rest or scaled % _STEPS.get(currency, 1):
        raise RequestRefusedByProvider(reason=f"{amount} {currency} can't be charged exactly")
    return scaled


def from_stripe(amount: int, currency: str) -> int:
    shift = exponent(currency) - _EXPONENTS.get(currency, exponent(currency))
    return amount * _power(shift) if shift >= 0 else amount // _power(-shift)


def _power(places: int) -> int:
    return int(10**places)
