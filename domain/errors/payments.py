"""What a payment does not take, and what its provider answers."""

from domain.errors.branches import BadRequest, Conflict, HoldfastError


class SignatureInvalid(BadRequest):
    code = "signature_invalid"
    sentence = "The signature does not match the body, or is too old."


class PaymentNotOpen(Conflict):
    code = "payment_not_open"
    sentence = "The payment is {status} and takes no new attempt."


class PaymentNotUnknown(Conflict):
    code = "payment_not_unknown"
    sentence = "The payment is {status}; only one of which nobody knows can be resolved."


class CaptureFailed(Conflict):
    code = "capture_failed"
    sentence = "The payment could not be captured ({reason}); nothing was shipped."


class ResolutionContradicted(Conflict):
    code = "resolution_contradicted"
    sentence = "The provider says that the payment is {theirs}."


class ReferenceMissing(Conflict):
    code = "reference_missing"
    sentence = "Name the provider's id of the payment: there is none on record."


class ProviderUnreachable(HoldfastError):
    status = 503
    code = "provider_unreachable"
    sentence = "The provider gave no final answer: {reason}."
    retryable = True


class ProviderKeySpent(HoldfastError):
    status = 503
    code = "provider_key_spent"
    sentence = "The provider keeps a failure under the key {key}, and nothing came of it so far."
