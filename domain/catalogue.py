"""What changes in the catalogue, by whom and when."""

from datetime import datetime
from enum import StrEnum

from domain.ids import AccountId
from domain.orders import Role
from domain.values import Value


class StockReason(StrEnum):
    """Why a person changes what lies on the shelf."""

    RECEIVED = "received"
    COUNTED = "counted"
    DAMAGED = "damaged"
    LOST = "lost"
    RETURNED = "returned"
    CORRECTION = "correction"
    OTHER = "other"


class Actor(Value):
    """The account that changes something, in which role, at what time, by which request."""

    account_id: AccountId
    role: Role
    at: datetime
    correlation_id: str

    def may_change(self, seller_id: str) -> bool:
        """Staff change everything, a seller what is their own."""
        match self.role:
            case Role.ADMIN:
                return True
            case Role.SELLER:
                return seller_id == self.account_id
            case Role.BUYER:
                return False
