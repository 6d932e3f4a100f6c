"""Stripe's own settings in a fault script."""

from typing import Self

from pydantic import Field, model_validator

from sandbox.faults import Do, Script
from sandbox.stripe.cards import DECLINES

RATE_LIMITS = frozenset({"rate_limit", "lock_timeout"})


class StripeScript(Script):
    search_lag_ms: int = Field(default=60_000, ge=0)
    idempotency_ttl_ms: int = Field(default=24 * 3_600_000, ge=0)
    # How long a card hold lives before it lapses and the intent is cancelled by Stripe itself.
    hold_ms: int = Field(default=7 * 24 * 3_600_000, ge=0)
    # When a refund that fails, or a pending one that settles, does so.
    refund_turns_ms: int = Field(default=1_000, ge=0)
    # How long a bank debit is `processing`.
    processing_ms: int = Field(default=1_000, ge=0)

    @model_validator(mode="after")
    def _codes_are_stripes(self) -> Self:
        for fault in self.faults:
            allowed = {Do.DECLINE: DECLINES, Do.RATE_LIMIT: RATE_LIMITS}.get(fault.do)
            if allowed and fault.code is not None and fault.code not in allowed:
                raise ValueError(f"{fault.do} knows no code '{fault.code}', only: {', '.join(sorted(allowed))}")
        return self
