"""The sweep: when what waits is looked at again, and the port by which it wakes the workflows that know what to do."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from domain.orders import Command
from domain.refunds import ApprovedRefund

# A webhook whose workflow was not told by now: the call that took it in has died.
UNHEARD = timedelta(seconds=10)

# A command that nobody has seen kept by Temporal by now: well above the time that its caller waits for the answer.
OWED = timedelta(seconds=30)
# A command that its order could not take for so long is given up, and reported: what somebody asked for an hour ago may
# be wrong by now.
OWED_AT_MOST = timedelta(hours=1)

# How long a caller may repeat a call under its Idempotency-Key.
KEPT = timedelta(days=30)

# A placing call that came to nothing for so long: its order never began, although its buyer may have been told 202.
FORGOTTEN = timedelta(minutes=10)

# The ages at which a payment that waits is read again at its provider; after the last, every hour.
POLLS = tuple(timedelta(minutes=age) for age in (1, 2, 5, 10, 20, 30))
_HOUR = timedelta(hours=1)
# The ages at which a refund that was paid is read once more: a bank may send it back after weeks, and its webhook be
# lost.
RECHECKS = tuple(timedelta(days=age) for age in (1, 3, 7, 14, 30))
# The ages at which a refund that has no end is a person's matter: banks take up to ten working days.
# https://docs.stripe.com/refunds
OVERDUE = tuple(timedelta(days=age) for age in (14, 30, 60))


def due(waiting_since: datetime, swept: datetime, at: datetime) -> bool:
    """Whether an age of `POLLS` was reached after the last sweep and up to this one; a missed sweep misses no age."""
    hours = (at - waiting_since) // _HOUR
    ages = (*POLLS, hours * _HOUR) if hours else POLLS
    return any(swept < waiting_since + age <= at for age in ages)


class Waker(Protocol):
    """Tells running workflows what they may not know: a provider's news, a person's command.

    Raises WorkflowsUnavailable.
    """

    async def order(self, order_id: str) -> bool:
        """False when no workflow of the order runs."""
        ...

    async def refund(self, refund_id: str) -> bool:
        """False when no workflow of the refund runs."""
        ...

    async def command(self, order_id: str, verb: str, command: Command) -> bool:
        """Send a person's command again; False while the order can't take it, True when Temporal needs no reminder."""
        ...

    async def recheck(self, refund: ApprovedRefund) -> None:
        """Have a refund carried on that nobody carries: asked for, or read once more where its provider has it."""
        ...


class Presence(StrEnum):
    NONE = "none"
    RUNNING = "running"
    CLOSED = "closed"


class Roll(Protocol):
    """Says which orders have workflows. Raises WorkflowsUnavailable."""

    async def running(self) -> frozenset[str]:
        """The orders whose workflows run; may be some moments behind."""
        ...

    async def presence(self, order_id: str) -> Presence:
        """What there is of one order's workflow at this moment."""
        ...
