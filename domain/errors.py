"""Every way Holdfast refuses or fails, one tree; the code, HTTP status and sentence of each stand here only.

HoldfastError
├── BadRequest 400             IdempotencyKeyRequired  IdempotencyKeyMalformed  SignatureInvalid  BodyMalformed
│                              CursorInvalid
├── Unauthenticated 401        CredentialsWrong  TokenMissing  TokenInvalid
├── Forbidden 403              RoleNotAllowed
├── NotFound 404               ResourceNotFound  RouteNotFound
├── MethodNotAllowed 405
├── VersionChanged 412
├── BodyTooLarge 413
├── Conflict 409               IdempotencyKeyReused  OrderBusy  OrderClosed  OutOfStock
│                              PriceChanged  OrderNotCancellable  OrderNotShippable  OrderNotDeliverable
│                              PaymentNotOpen  PaymentNotUnknown  ResolutionContradicted  ReferenceMissing
│                              CaptureFailed  MoneyGivenBack  StockBelowHeld  EmailTaken  IncidentClosed
│                              OrderHeld  OrderNotHeld  CategoryExists  CategoryInUse  CategoriesFull
│                              CartCheckedOut  CartChanged
├── Unprocessable 422          BodyInvalid  MixedCurrencies  ProductUnavailable  ShippingUnavailable
│                              CurrencyUnsupported  TotalTooLarge  FulfilmentRequired
│                              CategoryUnknown  CategoryCycle  CategoryTooDeep  CartEmpty  CartFull
├── IfMatchRequired 428
├── RateLimited 429
├── Unavailable 503            WorkflowsUnavailable  DatabaseUnavailable
├── InvariantBroken 500        AmountsDiffer  EntryUnbalanced  IllegalMove  OverdrawnPayment  ProviderMismatch
│                              RequestRefusedByProvider  OperationConflict  OrderAlreadyPlaced
├── ProviderUnreachable        transient: nobody knows whether it happened; repeat with the same key
└── ProviderKeySpent           it did not happen yet; repeat after a while, with another key
"""

from typing import ClassVar


class HoldfastError(Exception):
    """A refusal or failure with a stable code; `values` fill its sentence and travel with it over every boundary."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "error"
    sentence: ClassVar[str] = "Something went wrong."
    # Whether the very same request can succeed later: Temporal retries it, and its answer is never stored for replay.
    retryable: ClassVar[bool] = False

    def __init__(self, **values: str | int) -> None:
        self.values = values
        super().__init__(self.sentence.format_map(values))


class BadRequest(HoldfastError):
    status = 400


class IdempotencyKeyRequired(BadRequest):
    code = "idempotency_key_required"
    sentence = "This call moves money or stock: send an Idempotency-Key header."


class IdempotencyKeyMalformed(BadRequest):
    code = "idempotency_key_malformed"
    sentence = "An Idempotency-Key is 1 to 255 printable ASCII characters."


class SignatureInvalid(BadRequest):
    code = "signature_invalid"
    sentence = "The signature does not match the body, or is too old."


class CursorInvalid(BadRequest):
    code = "cursor_invalid"
    sentence = "The cursor is no id of an item of this list."


class BodyMalformed(BadRequest):
    code = "body_malformed"
    sentence = "The body is not valid JSON."


class Unauthenticated(HoldfastError):
    status = 401


class CredentialsWrong(Unauthenticated):
    code = "credentials_wrong"
    sentence = "E-mail or password is wrong."


class TokenMissing(Unauthenticated):
    code = "token_missing"
    sentence = "Send an access token in the Authorization header."


class TokenInvalid(Unauthenticated):
    code = "token_invalid"
    sentence = "The access token is invalid or has expired."


class Forbidden(HoldfastError):
    status = 403


class RoleNotAllowed(Forbidden):
    code = "role_not_allowed"
    sentence = "An account with the role {role} may not do this."


class NotFound(HoldfastError):
    status = 404


class ResourceNotFound(NotFound):
    code = "not_found"
    sentence = "There is no {resource} {id}."


class RouteNotFound(NotFound):
    code = "route_not_found"
    sentence = "There is nothing at this address."


class MethodNotAllowed(HoldfastError):
    status = 405
    code = "method_not_allowed"
    sentence = "This address does not take this method."


class VersionChanged(HoldfastError):
    status = 412
    code = "version_changed"
    sentence = "It was changed since it was read; its version is {version} by now."


class BodyTooLarge(HoldfastError):
    status = 413
    code = "body_too_large"
    sentence = "The body is larger than this deployment takes."


class Conflict(HoldfastError):
    status = 409


class IdempotencyKeyReused(Conflict):
    code = "idempotency_key_reused"
    sentence = "This Idempotency-Key was used before with another body."


class OrderBusy(Conflict):
    code = "order_busy"
    sentence = "The order is in the middle of another step ({step}); try again shortly."
    retryable = True


class OrderHeld(Conflict):
    code = "order_held"
    sentence = "The order is on hold; it goes on when it is released."
    retryable = True


class OrderNotHeld(Conflict):
    code = "order_not_held"
    sentence = "The order is not on hold."


class IncidentClosed(Conflict):
    code = "incident_closed"
    sentence = "The incident {id} is closed already."


class OrderClosed(Conflict):
    code = "order_closed"
    sentence = "The order is {status} and takes no more changes."


class OutOfStock(Conflict):
    code = "out_of_stock"
    sentence = "{requested} of {product_id} were asked for; {available} can be sold."


class PriceChanged(Conflict):
    code = "price_changed"
    sentence = "The total is {total} {currency}, not the expected {expected}."


class OrderNotCancellable(Conflict):
    code = "order_not_cancellable"
    sentence = "A {status} order can't be cancelled; request a refund instead."


class OrderNotShippable(Conflict):
    code = "order_not_shippable"
    sentence = "A {status} order can't be shipped."


class MoneyGivenBack(Conflict):
    code = "money_given_back"
    sentence = "Money of the order was released or refunded, in whole or in part: nothing ships for it."


class OrderNotDeliverable(Conflict):
    code = "order_not_deliverable"
    sentence = "A {status} order can't be delivered."


class CaptureFailed(Conflict):
    code = "capture_failed"
    sentence = "The payment could not be captured ({reason}); nothing was shipped."


class PaymentNotOpen(Conflict):
    code = "payment_not_open"
    sentence = "The payment is {status} and takes no new attempt."


class PaymentNotUnknown(Conflict):
    code = "payment_not_unknown"
    sentence = "The payment is {status}; only one of which nobody knows can be resolved."


class ResolutionContradicted(Conflict):
    code = "resolution_contradicted"
    sentence = "The provider says that the payment is {theirs}."


class ReferenceMissing(Conflict):
    code = "reference_missing"
    sentence = "Name the provider's id of the payment: there is none on record."


class StockBelowHeld(Conflict):
    code = "stock_below_held"
    sentence = "{held} of {product_id} are held by orders; {on_hand} would be left."


class EmailTaken(Conflict):
    code = "email_taken"
    sentence = "An account with this e-mail exists."


class CategoryExists(Conflict):
    code = "category_exists"
    sentence = "There is a category {slug} already."


class CategoryInUse(Conflict):
    code = "category_in_use"
    sentence = "The category {slug} still has products or categories below it."


class CategoriesFull(Conflict):
    code = "categories_full"
    sentence = "There are {limit} categories, and no more can be made."


class CartCheckedOut(Conflict):
    code = "cart_checked_out"
    sentence = "The cart {cart_id} became the order {order_id} and takes no more changes."


class CartChanged(Conflict):
    code = "cart_changed"
    sentence = "The cart {cart_id} was changed while it was checked out; check it out again with another key."


class Unprocessable(HoldfastError):
    status = 422


class BodyInvalid(Unprocessable):
    code = "body_invalid"
    sentence = "Some fields are invalid; see errors."


class MixedCurrencies(Unprocessable):
    code = "mixed_currencies"
    sentence = "All items of an order must be sold in one currency."


class ProductUnavailable(Unprocessable):
    code = "product_unavailable"
    sentence = "The product {product_id} is not for sale."


class ShippingUnavailable(Unprocessable):
    code = "shipping_unavailable"
    sentence = "Nothing is shipped to {country} by {method} in {currency}."


class CurrencyUnsupported(Unprocessable):
    code = "currency_unsupported"
    sentence = "{currency} is not a currency that can be charged."


class TotalTooLarge(Unprocessable):
    code = "total_too_large"
    sentence = "The total is larger than {limit} minor units."


class FulfilmentRequired(Unprocessable):
    code = "fulfilment_required"
    sentence = "Name the fulfilment: there is none {status} to take by itself."


class CategoryUnknown(Unprocessable):
    code = "category_unknown"
    sentence = "There is no category {slug}."


class CategoryCycle(Unprocessable):
    code = "category_cycle"
    sentence = "A category can't be moved below itself."


class CategoryTooDeep(Unprocessable):
    code = "category_too_deep"
    sentence = "Categories are at most {limit} levels deep."


class CartEmpty(Unprocessable):
    code = "cart_empty"
    sentence = "The cart has nothing in it."


class CartFull(Unprocessable):
    code = "cart_full"
    sentence = "A cart takes at most {limit} {what}."


class IfMatchRequired(HoldfastError):
    status = 428
    code = "if_match_required"
    sentence = "Send the ETag that you read as If-Match, so that no other change is overwritten."


class RateLimited(HoldfastError):
    status = 429
    code = "rate_limited"
    sentence = "Too many requests; slow down."
    retryable = True


class Unavailable(HoldfastError):
    status = 503
    retryable = True


class WorkflowsUnavailable(Unavailable):
    code = "workflows_unavailable"
    sentence = "Orders can't be taken right now; repeat the request with the same Idempotency-Key."


class DatabaseUnavailable(Unavailable):
    code = "database_unavailable"
    sentence = "The database can't be reached right now; repeat the request."


class InvariantBroken(HoldfastError):
    """A state that the design rules out; it stops the step and asks for a person."""


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


class ProviderUnreachable(HoldfastError):
    status = 503
    code = "provider_unreachable"
    sentence = "The provider gave no final answer: {reason}."
    retryable = True


class ProviderKeySpent(HoldfastError):
    status = 503
    code = "provider_key_spent"
    sentence = "The provider keeps a failure under the key {key}, and nothing came of it so far."


def _tree(error: type[HoldfastError]) -> list[type[HoldfastError]]:
    return [error, *(leaf for child in error.__subclasses__() for leaf in _tree(child))]


# Branches share the root's code: the root, which comes last here, is what it means.
BY_CODE: dict[str, type[HoldfastError]] = {error.code: error for error in reversed(_tree(HoldfastError))}


def from_code(code: str, values: dict[str, str | int]) -> HoldfastError:
    """The error that crossed a boundary as its code and values; an unknown code becomes the root error."""
    return BY_CODE.get(code, HoldfastError)(**values)
