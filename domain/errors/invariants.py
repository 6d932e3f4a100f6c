"""States that the design rules out."""

from domain.errors.branches import InvariantBroken


class OrderAlreadyPlaced(InvariantBroken):
    code = "order_already_placed"
    sentence = "The order {order_id} was placed by another run."


class AmountsDiffer(InvariantBroken):
    code = "currencies_differ"
    sentence = "{left} and {right} can't be computed with each other."


class EntryUnbalanced(InvariantBroken):
    code = "entry_unbalanced"
    sentence = "The postings of {asset} sum to {total} instead of zero."


class IllegalMove(InvariantBroken):
    code = "illegal_move"
    sentence = "{noun} can't move from {before} to {after}."


class OverdrawnPayment(InvariantBroken):
    code = "payment_overdrawn"
    sentence = "{amount} is more than the {available} that is left of the payment."


class ProviderMismatch(InvariantBroken):
    code = "provider_mismatch"
    sentence = "The provider's {field} is {theirs}; ours is {ours}."


class RequestRefusedByProvider(InvariantBroken):
    code = "provider_refused"
    sentence = "The provider refuses the request: {reason}."


class OperationConflict(InvariantBroken):
    code = "operation_conflict"
    sentence = "The operation {key} is recorded with another amount."
