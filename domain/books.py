"""The books check, as rules over what was read: an order's money against its provider's own truth, and its events."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from enum import StrEnum
from itertools import pairwise

from domain.events import EventType
from domain.orders import ORDER_MOVES, OrderStatus
from domain.payments import OPEN_STATES, AttemptStatus, Operation, OperationKind, OperationState, PaymentStatus
from domain.payments import derive_status as derived
from domain.values import Value


class Invariant(StrEnum):
    ENTRY_BALANCED = "entry_balanced"
    LEDGER_SUMS_TO_ZERO = "ledger_sums_to_zero"
    GUARDED_BALANCE = "guarded_balance"
    OPERATION_POSTED = "operation_posted"
    CLEARING_AT_PROVIDER = "clearing_at_provider"
    CUSTOMER_FUNDS_HELD = "customer_funds_held"
    SALE_POSTED = "sale_posted"
    ONE_PAYMENT_PER_ORDER = "one_payment_per_order"
    KNOWN_TO_PROVIDER = "known_to_provider"
    KNOWN_TO_US = "known_to_us"
    SAME_CURRENCY = "same_currency"
    SAME_AMOUNTS = "same_amounts"
    CHARGED_ONCE = "charged_once"
    REFUNDS_WITHIN_CAPTURES = "refunds_within_captures"
    STATUS_DERIVED = "status_derived"
    SHIPPED_MEANS_PAID = "shipped_means_paid"
    NOTHING_LEFT_OPEN = "nothing_left_open"
    NOTHING_HELD_AFTER_END = "nothing_held_after_end"
    STOCK_ON_HAND = "stock_on_hand"
    STOCK_HELD = "stock_held"
    STOCK_IN_RANGE = "stock_in_range"
    HOLDS_ENDED = "holds_ended"
    DISCOUNT_USES_COUNTED = "discount_uses_counted"
    DISCOUNT_USES_ENDED = "discount_uses_ended"
    PLACED_LOGGED = "placed_logged"
    EVENTS_LEGAL = "events_legal"
    EVENTS_IN_ORDER = "events_in_order"
    CAPTURES_LOGGED = "captures_logged"
    REFUNDS_LOGGED = "refunds_logged"
    OPEN_MEANS_RUNNING = "open_means_running"


class Finding(Value):
    """One thing that is off: `subject` is what it is about (an order, an entry, an account), `sentence` what is."""

    invariant: Invariant
    subject: str
    sentence: str


class ProviderPayment(Value):
    """What a provider itself knows of one order's money. Amounts in minor units; counts are of effects."""

    currency: str
    authorized: int
    captured: int
    refunded: int
    voided: int
    intents: int
    captures: int
    refunds: int


class ProviderTruth(Value):
    """A provider's payments by our order id, as its simulator's `/_sandbox/state` tells them."""

    payments: dict[str, ProviderPayment]


class PaymentRecord(Value):
    """What our own rows say of one order's money; operations may be summed by kind and state.

    `worth` is what its goods and shipping cost before any discount, `called_off` what the parts of it cost that were
    called off. `sale` is what its sale entry takes out of the funds held, None without one; `refunding` tells that a
    refund is under way.
    """

    order_id: str
    order_status: OrderStatus
    provider: str
    currency: str
    amount: int
    worth: int
    called_off: int
    status: PaymentStatus
    reference: str | None
    last_attempt: AttemptStatus | None
    operations: tuple[Operation, ...]
    refunding: bool
    sale: int | None

    def done(self, movement: str) -> int:
        return self._total(movement, frozenset({OperationState.SUCCEEDED}))

    def open(self, movement: str) -> int:
        return self._total(movement, OPEN_STATES)

    @property
    def held(self) -> int:
        """What was captured and neither refunded nor allocated by a sale."""
        return self.done("captured") - self.done("refunded") - (self.sale or 0)

    @property
    def sold(self) -> int:
        """What was captured for the parts that were not called off; their hold may have been released instead."""
        return self.done("captured") - (self.called_off - self.done("voided"))

    def _total(self, movement: str, states: frozenset[OperationState]) -> int:
        return sum(each.amount for each in self.operations if each.kind in MOVEMENTS[movement] and each.state in states)


# What the provider's truth calls each movement, and the operations that ask for it.
MOVEMENTS = {
    "authorized": {OperationKind.AUTHORIZE, OperationKind.CHARGE},
    "captured": {OperationKind.CAPTURE, OperationKind.CHARGE},
    "voided": {OperationKind.VOID},
    "refunded": {OperationKind.REFUND},
}
_SHIPPED = frozenset({OrderStatus.SHIPPED, OrderStatus.DELIVERED, OrderStatus.COMPLETED})


def by_subject(findings: Iterable[Finding]) -> dict[str, str]:
    """All that was found about each subject, in one text."""
    told: dict[str, str] = {}
    for each in findings:
        told[each.subject] = f"{told.get(each.subject, '')} {each.invariant}: {each.sentence}".lstrip()
    return told


def payment_findings(record: PaymentRecord, truth: ProviderPayment | None, *, asked: bool = True) -> Iterator[Finding]:
    """What is off with one order's money. An operation still open may have happened at the provider, or not.

    `asked` is false when no provider was asked for its truth.
    """
    if asked:
        yield from _against(record, truth)
    yield from _on_its_own(record)
    if ORDER_MOVES.is_terminal(record.order_status):
        yield from _at_the_end(record)


def _against(record: PaymentRecord, truth: ProviderPayment | None) -> Iterator[Finding]:
    order, provider = record.order_id, record.provider
    if truth is None:
        if record.reference is not None or any(record.done(movement) for movement in MOVEMENTS):
            yield _finding(Invariant.KNOWN_TO_PROVIDER, order, f"{provider} knows nothing of its payment.")
        return
    if truth.currency != record.currency:
        sentence = f"It is in {record.currency}, its payment at {provider} in {truth.currency}."
        yield _finding(Invariant.SAME_CURRENCY, order, sentence)
    unseen = _came_and_went(record, truth)
    for movement in MOVEMENTS:
        ours, theirs = record.done(movement), getattr(truth, movement) - unseen.get(movement, 0)
        if not ours <= theirs <= ours + record.open(movement):
            sentence = f"{provider} has {movement} {theirs}, our operations {ours}."
            yield _finding(Invariant.SAME_AMOUNTS, order, sentence)
    if truth.intents > 1 or truth.captures > 1:
        sentence = f"{provider} has {truth.intents} payments and {truth.captures} captures for it."
        yield _finding(Invariant.CHARGED_ONCE, order, sentence)
    if truth.refunded > truth.captured:
        sentence = f"{provider} refunded {truth.refunded} of {truth.captured} captured."
        yield _finding(Invariant.REFUNDS_WITHIN_CAPTURES, order, sentence)


def _came_and_went(record: PaymentRecord, truth: ProviderPayment) -> dict[str, int]:
    """Money that was held and released again between two of our looks, as when a buyer passes the bank's check in the
    moment of a cancellation: nothing was kept of it.
    """
    movements = ("authorized", "voided")
    more = min(getattr(truth, each) - record.done(each) - record.open(each) for each in movements)
    return dict.fromkeys(movements, max(more, 0))


def _on_its_own(record: PaymentRecord) -> Iterator[Finding]:
    order = record.order_id
    captured, refunded = record.done("captured"), record.done("refunded")
    if refunded + record.open("refunded") > captured:
        sentence = f"Refunds of {refunded + record.open('refunded')} stand against captures of {captured}."
        yield _finding(Invariant.REFUNDS_WITHIN_CAPTURES, order, sentence)
    status = derived(record.operations, record.last_attempt)
    if record.status is not status:
        sentence = f"Its payment says {record.status}, its operations say {status}."
        yield _finding(Invariant.STATUS_DERIVED, order, sentence)
    released = record.done("voided")
    if record.order_status in _SHIPPED and (captured != record.amount - released or released > record.called_off):
        sentence = f"It is {record.order_status}, and {captured} of {record.amount} are captured, {released} released."
        yield _finding(Invariant.SHIPPED_MEANS_PAID, order, sentence)
    expected = record.sold if record.order_status is OrderStatus.COMPLETED and record.worth else None
    if record.sale != expected:
        sentence = f"It is {record.order_status}; its sale entry allocates {record.sale}, and should {expected}."
        yield _finding(Invariant.SALE_POSTED, order, sentence)


def _at_the_end(record: PaymentRecord) -> Iterator[Finding]:
    order, status = record.order_id, record.order_status
    for each in record.operations:
        if each.state in OPEN_STATES and not _under_way(record, each):
            sentence = f"It is {status}, and its {each.kind} of {each.amount} is still {each.state}."
            yield _finding(Invariant.NOTHING_LEFT_OPEN, order, sentence)
    authorization = record.done("authorized") - record.done("captured") - record.done("voided")
    if authorization:
        sentence = f"It is {status}, and {authorization} authorised were neither captured nor voided."
        yield _finding(Invariant.NOTHING_HELD_AFTER_END, order, sentence)
    returning = record.open("refunded") if record.refunding else 0
    if record.held != returning:
        sentence = f"It is {status}, and {record.held - returning} captured were neither given back nor allocated."
        yield _finding(Invariant.NOTHING_HELD_AFTER_END, order, sentence)


def _under_way(record: PaymentRecord, operation: Operation) -> bool:
    # A refund outlives its order: banks take days.
    return record.refunding and operation.kind is OperationKind.REFUND and operation.state is not OperationState.UNKNOWN


_STATUS_AFTER: dict[str, OrderStatus] = {
    EventType.ORDER_PLACED: OrderStatus.PENDING,
    EventType.ORDER_CONFIRMED: OrderStatus.CONFIRMED,
    EventType.ORDER_SHIPPED: OrderStatus.SHIPPED,
    EventType.ORDER_DELIVERED: OrderStatus.DELIVERED,
    EventType.ORDER_COMPLETED: OrderStatus.COMPLETED,
    EventType.ORDER_CANCELLED: OrderStatus.CANCELLED,
    EventType.ORDER_FAILED: OrderStatus.FAILED,
}

# What is said or changed of an order without moving it; a hold is written down when the database can be reached, so
# perhaps late.
NOT_MOVES = frozenset(
    {
        EventType.ORDER_HELD,
        EventType.ORDER_RELEASED,
        EventType.ORDER_NOTES_CHANGED,
        EventType.ORDER_ADDRESS_CHANGED,
    }
)


def history_findings(
    order_id: str, status: OrderStatus, types: Sequence[str], times: Sequence[datetime]
) -> Iterator[Finding]:
    """What is off with the events that moved an order, given in the order of their sequence."""
    if types[:1] != [EventType.ORDER_PLACED] or types.count(EventType.ORDER_PLACED) != 1:
        sentence = f"Its events should begin with the one {EventType.ORDER_PLACED}: {_told(types)}."
        yield _finding(Invariant.PLACED_LOGGED, order_id, sentence)
        return
    steps = [_STATUS_AFTER.get(each) for each in types]
    legal = all(
        before is not None and after is not None and ORDER_MOVES.allows(before, after)
        for before, after in pairwise(steps)
    )
    if not legal:
        yield _finding(Invariant.EVENTS_LEGAL, order_id, f"No order may live like this: {_told(types)}.")
    elif steps[-1] is not status:
        yield _finding(Invariant.EVENTS_LEGAL, order_id, f"It is {status}, its events say {steps[-1]}.")
    if any(later < earlier for earlier, later in pairwise(times)):
        yield _finding(Invariant.EVENTS_IN_ORDER, order_id, f"Its events go back in time: {_told(types)}.")


def _told(types: Sequence[str]) -> str:
    return " > ".join(types) or "there are none"


def _finding(invariant: Invariant, subject: str, sentence: str) -> Finding:
    return Finding(invariant=invariant, subject=subject, sentence=sentence)
