"""The identifiers shown outside: TypeIDs (a prefix and a UUIDv7, https://github.com/jetify-com/typeid)."""

from typing import Annotated

from pydantic import StringConstraints


def _typeid(prefix: str) -> StringConstraints:
    return StringConstraints(pattern=f"^{prefix}_[0-7][0-9a-hjkmnp-tv-z]{{25}}$")


AccountId = Annotated[str, _typeid("acc")]
CartId = Annotated[str, _typeid("crt")]
CartItemId = Annotated[str, _typeid("cit")]
CategoryId = Annotated[str, _typeid("cat")]
DiscountId = Annotated[str, _typeid("dsc")]
EventId = Annotated[str, _typeid("evt")]
FamilyId = Annotated[str, _typeid("fam")]
FulfilmentId = Annotated[str, _typeid("ful")]
IncidentId = Annotated[str, _typeid("inc")]
LineId = Annotated[str, _typeid("lin")]
MailId = Annotated[str, _typeid("mai")]
OrderId = Annotated[str, _typeid("ord")]
PaymentId = Annotated[str, _typeid("pay")]
ProductId = Annotated[str, _typeid("prd")]
RefundId = Annotated[str, _typeid("ref")]
RequestId = Annotated[str, _typeid("req")]


def human_number(letter: str, number: int) -> str:
    """What people read to each other on the phone: O-100001, P-100001, R-100001."""
    return f"{letter}-{number}"


# More than any number of ours has, and fewer than a BIGINT can hold.
_DIGITS = 18


def number_in(letter: str, text: str) -> int | None:
    """The number that was read out as `human_number` writes it, or None when it is none of this letter."""
    given, _, digits = text.upper().partition("-")
    if given != letter or not (digits.isascii() and digits.isdecimal()) or len(digits) >= _DIGITS:
        return None
    return int(digits)
