"""Incidents: what the system found and can't mend by itself; a person looks, acts, and closes it with a word (O7)."""

from datetime import timedelta
from enum import StrEnum
from typing import Literal

from pydantic import AwareDatetime

from domain.ids import AccountId, IncidentId
from domain.values import Value

# A payment of which nobody knows for so long is a person's matter: the provider was asked several times meanwhile.
UNKNOWN_AGE = timedelta(minutes=10)


class IncidentKind(StrEnum):
    ORDER_WITHOUT_WORKFLOW = "order_without_workflow"
    PAYMENT_UNKNOWN = "payment_unknown"
    CLAIM_WITHOUT_WORKFLOW = "claim_without_workflow"
    WORKFLOW_OF_CLOSED_ORDER = "workflow_of_closed_order"
    ORDER_NOT_UNWOUND = "order_not_unwound"
    AUTHORIZATION_LAPSES = "authorization_lapses"
    REFUND_FAILED = "refund_failed"
    INVARIANT_BROKEN = "invariant_broken"
    COMMAND_FORGOTTEN = "command_forgotten"
    MONEY_AFTER_END = "money_after_end"
    MONEY_MOVED_OUTSIDE = "money_moved_outside"
    REFUND_OVERDUE = "refund_overdue"
    MAIL_FAILED = "mail_failed"


class IncidentView(Value):
    """`subject` is the id of what it is about; there is at most one open incident of a kind about it.

    `details` say what was seen when it was opened, `note` what was done when it was closed.
    """

    id: IncidentId
    object: Literal["incident"] = "incident"
    kind: IncidentKind
    subject: str
    details: str | None = None
    opened: AwareDatetime
    closed: AwareDatetime | None
    closed_by: AccountId | None
    note: str | None
