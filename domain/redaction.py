"""What never stands in a log: a second line of defence behind not logging it. Known shapes of secrets are masked."""

import re
from collections.abc import Mapping
from typing import Any

MASK = "[masked]"

# Fields that hold a secret or a person by their name, whatever they look like.
_NAMES = re.compile(
    r"^(?:.*[_-])?(?:password|passwd|passphrase|secret|token|authorization|cookie|api[_-]?key|private[_-]?key|signature"
    r"|e?mail|address|phone)$",
    re.IGNORECASE,
)
_SECRETS = (
    # RFC 6750 and RFC 7617, also without the name of their header.
    r"\b(?:bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}",
    # A JWT: three parts of base64url, of which the first is a JSON object.
    r"\beyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*",
    # Stripe's keys, webhook secrets and client secrets.
    r"\b(?:sk|rk)_(?:test|live)_[A-Za-z0-9_-]+",
    r"\bwhsec_[A-Za-z0-9+/=_-]+",
    r"\b(?:pi|seti|cs|src)_[A-Za-z0-9]+_secret_[A-Za-z0-9_-]+",
    # The user part of an address: postgresql://user:password@host
    r"(?<=://)[^\s/@:]*:[^\s/@]+(?=@)",
    # password=…, "client_secret": "…", token: …
    r"(?<![A-Za-z0-9])(?:[a-z]+_)?(?:password|passwd|secret|token|api_key)[\"']?\s*[=:]\s*[\"']?[^\s\"',;&}]+",
    r"(?<![A-Za-z0-9._%+-])[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+",
)
_SHAPES = re.compile("|".join(_SECRETS), re.IGNORECASE)
# What may be the number of a card: 13 to 19 digits, perhaps in groups (ISO/IEC 7812).
_DIGITS = re.compile(r"(?<![\w.-])\d(?:[ -]?\d){12,18}(?![\w.-])")


def masked(value: Any) -> Any:  # noqa: ANN401 - whatever is logged
    """The value without what looks like a secret, in its names and texts at any depth; numbers stay as they are."""
    match value:
        case str():
            return _DIGITS.sub(_card, _SHAPES.sub(MASK, value))
        case Mapping():
            return {name: MASK if _NAMES.match(str(name)) else masked(each) for name, each in value.items()}
        case list() | tuple() | set() | frozenset():
            return [masked(each) for each in value]
        case None | bool() | int() | float():
            return value
        case _:
            return masked(str(value))


def _card(found: re.Match[str]) -> str:
    digits = [int(each) for each in found.group() if each.isdigit()]
    # Luhn: every second digit from the right counts twice, with its own digits added up.
    doubled = (sum(divmod(2 * digit, 10)) if number % 2 else digit for number, digit in enumerate(reversed(digits)))
    return found.group() if sum(doubled) % 10 else MASK
