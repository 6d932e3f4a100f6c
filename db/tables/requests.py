"""What came in: request claims with their stored answers, outcomes of accepted commands, raw webhooks."""

from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, LargeBinary, UniqueConstraint, false
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from db.tables.declarative import AccountKey, OrderKey, RefundKey, RequestKey, Table, Time, status_of


class Request(Table):
    """A claim on an Idempotency-Key: one row per account, route and key, with what was sent and what was answered."""

    __tablename__ = "requests"

    # Also the update id of the Temporal call that it leads to.
    id: Mapped[RequestKey] = mapped_column(primary_key=True)
    account_id: Mapped[AccountKey] = mapped_column(ForeignKey("accounts.id"))
    route: Mapped[str]
    key: Mapped[str]
    fingerprint: Mapped[bytes] = mapped_column(LargeBinary)
    resource_id: Mapped[str] = mapped_column(index=True)
    body: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    # What an order's workflow is told, for a command to it; free of personal data, like all that Temporal sees.
    verb: Mapped[str | None]
    command: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    # Its caller may count on it, and nobody has seen yet that Temporal keeps it.
    owed: Mapped[bool] = mapped_column(server_default=false())
    status: Mapped[int | None]
    response: Mapped[bytes | None] = mapped_column(LargeBinary)
    created: Mapped[Time]

    __table_args__ = (
        UniqueConstraint("account_id", "route", "key"),
        Index("ix_requests_unanswered", "created", postgresql_where="status IS NULL"),
        Index("ix_requests_kept", "created", postgresql_where="body IS NOT NULL"),
        Index("ix_requests_owed", "created", postgresql_where="owed AND command IS NOT NULL"),
    )


class CommandOutcome(Table):
    """How an accepted command ended, written in the transaction of its fact: the answer when Temporal has forgotten it.

    `result` is the resource as it was then; a refusal has `error_code` and `error_values` instead.
    """

    __tablename__ = "commands"

    request_id: Mapped[RequestKey] = mapped_column(ForeignKey("requests.id"), primary_key=True)
    order_id: Mapped[OrderKey] = mapped_column(index=True)
    name: Mapped[str]
    result: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    error_code: Mapped[str | None]
    error_values: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    created: Mapped[Time]


class WebhookState(StrEnum):
    """`received` still has to be acted on; the others are done."""

    RECEIVED = "received"
    SIGNALLED = "signalled"
    SUPERSEDED = "superseded"
    IGNORED = "ignored"


class InboundWebhook(Table):
    """A provider's webhook, stored before it is acted on."""

    __tablename__ = "inbound_webhooks"

    provider: Mapped[str] = mapped_column(primary_key=True)
    event_id: Mapped[str] = mapped_column(primary_key=True)
    type: Mapped[str]
    order_id: Mapped[OrderKey | None] = mapped_column(index=True)
    refund_id: Mapped[RefundKey | None]
    payload: Mapped[dict[str, Any]] = mapped_column(JSONB)
    # It says that money was taken.
    paid: Mapped[bool] = mapped_column(server_default=false())
    state: Mapped[WebhookState] = mapped_column(status_of(WebhookState, "state"))
    received: Mapped[Time]
    settled: Mapped[Time | None]

    __table_args__ = (
        Index("ix_inbound_webhooks_unheard", "received", postgresql_where="settled IS NULL AND state <> 'ignored'"),
    )
