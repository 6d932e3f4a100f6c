"""The event envelope and every type of event; `data` holds ids, amounts and codes, never personal data."""

from datetime import datetime
from enum import StrEnum

from pydantic import JsonValue

from domain.values import Value


class EventType(StrEnum):
    ORDER_PLACED = "order.placed"
    ORDER_CONFIRMED = "order.confirmed"
    ORDER_SHIPPED = "order.shipped"
    ORDER_DELIVERED = "order.delivered"
    ORDER_COMPLETED = "order.completed"
    ORDER_CANCELLED = "order.cancelled"
    ORDER_FAILED = "order.failed"
    ORDER_HELD = "order.held"
    ORDER_RELEASED = "order.released"
    ORDER_NOTES_CHANGED = "order.notes_changed"
    ORDER_ADDRESS_CHANGED = "order.address_changed"
    FULFILMENT_SHIPPED = "fulfilment.shipped"
    FULFILMENT_DELIVERED = "fulfilment.delivered"
    FULFILMENT_ACCEPTED = "fulfilment.accepted"
    FULFILMENT_CANCELLED = "fulfilment.cancelled"
    FULFILMENT_NOTED = "fulfilment.noted"
    PAYMENT_AUTHORIZED = "payment.authorized"
    PAYMENT_CAPTURED = "payment.captured"
    PAYMENT_REQUIRES_ACTION = "payment.requires_action"
    PAYMENT_PROCESSING = "payment.processing"
    PAYMENT_DECLINED = "payment.declined"
    PAYMENT_VOIDED = "payment.voided"
    PAYMENT_UNKNOWN = "payment.unknown"
    PAYMENT_RESOLVED = "payment.resolved"
    REFUND_APPROVED = "refund.approved"
    REFUND_PROCESSING = "refund.processing"
    REFUND_COMPLETED = "refund.completed"
    REFUND_FAILED = "refund.failed"
    REFUND_REVERSED = "refund.reversed"
    DISCOUNT_CREATED = "discount.created"
    DISCOUNT_CHANGED = "discount.changed"
    PRODUCT_CREATED = "product.created"
    PRODUCT_UPDATED = "product.updated"
    PRODUCT_DELETED = "product.deleted"
    STOCK_ADJUSTED = "stock.adjusted"
    STOCK_LOW = "stock.low"
    ACCOUNT_REGISTERED = "account.registered"
    ACCOUNT_UPDATED = "account.updated"
    ACCOUNT_PASSWORD_CHANGED = "account.password_changed"  # noqa: S105 - the name of an event
    ACCOUNT_ROLE_CHANGED = "account.role_changed"
    ACCOUNT_STATUS_CHANGED = "account.status_changed"
    ACCOUNT_TOKEN_REUSED = "account.token_reused"  # noqa: S105 - as above
    ACCOUNT_ERASED = "account.erased"


class Cause(Value):
    """What an event came of, and when."""

    at: datetime
    correlation_id: str
    causation_id: str | None = None


class Event(Value):
    """A fact to be appended to the log. `time` is the workflow's or the request's; the log adds id and sequence."""

    type: EventType
    version: int = 1
    time: datetime
    subject: str
    data: dict[str, JsonValue]
    correlation_id: str
    causation_id: str | None = None
