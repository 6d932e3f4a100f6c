"""What an operator may do to an open order by hand (O7): hold it, and say how an unknown payment ended (P8)."""

from enum import StrEnum
from typing import Annotated

from pydantic import StringConstraints

from domain.values import Value


class HoldReason(StrEnum):
    """Why an order stands still. A word of this list travels through workflows and events, free text does not."""

    FRAUD_REVIEW = "fraud_review"
    ADDRESS_CHECK = "address_check"
    BUYER_ASKED = "buyer_asked"
    TECHNICAL = "technical"
    OTHER = "other"


class Verdict(StrEnum):
    PAID = "paid"
    NOT_PAID = "not_paid"


# What providers call their objects; nothing that could be a person's name or address passes.
ProviderReference = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,100}$")]


class Resolution(Value):
    """A person's finding about a payment of which nobody knew; `reference` is the provider's id of it, when it has one.

    What it is based on stays in the request claim.
    """

    verdict: Verdict
    reference: ProviderReference | None = None
