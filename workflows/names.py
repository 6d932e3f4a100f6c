"""Task queues, workflow ids and search attributes: everything that is agreed with the outside by name."""

from collections.abc import Mapping

from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes

ORDERS = "orders"
# Sweeps look at everything at once, and never take the place of an order's step.
SWEEP = "sweep"
# What people did by hand is written down beside the order's own steps.
REPAIR = "repair"
SWEEP_ORDERS = "sweep/orders"
# The audit's queue, and its schedule.
AUDIT = "audit"
# As the audit's.
MAILS = "mails"

ORDER_STATUS = SearchAttributeKey.for_keyword("OrderStatus")
PAYMENT_STATUS = SearchAttributeKey.for_keyword("PaymentStatus")
PAYMENT_METHOD = SearchAttributeKey.for_keyword("PaymentMethod")
CURRENCY = SearchAttributeKey.for_keyword("Currency")
AMOUNT_MINOR = SearchAttributeKey.for_int("AmountMinor")
NEEDS_ATTENTION = SearchAttributeKey.for_bool("NeedsAttention")
CUSTOMER_REF = SearchAttributeKey.for_keyword("CustomerRef")

# What a Temporal namespace must know before the first order is started.
SEARCH_ATTRIBUTES: Mapping[str, str] = {
    ORDER_STATUS.name: "Keyword",
    PAYMENT_STATUS.name: "Keyword",
    PAYMENT_METHOD.name: "Keyword",
    CURRENCY.name: "Keyword",
    AMOUNT_MINOR.name: "Int",
    NEEDS_ATTENTION.name: "Bool",
    CUSTOMER_REF.name: "Keyword",
}


def provider_queue(provider: str) -> str:
    """Calls to a provider have their own queue, so that its outage or rate limit stops nothing else."""
    return f"payments-{provider}"


def order_workflow_id(order_id: str) -> str:
    return f"order/{order_id}"


def order_of(workflow_id: str) -> str:
    """The order that a workflow id is of."""
    return workflow_id.removeprefix("order/")


def refund_workflow_id(refund_id: str) -> str:
    return f"refund/{refund_id}"


def at_start(method: str, currency: str, customer_ref: str) -> TypedSearchAttributes:
    """An order's search attributes when it is started; the amount follows when it is priced."""
    return TypedSearchAttributes(
        [
            SearchAttributePair(ORDER_STATUS, "pending"),
            SearchAttributePair(PAYMENT_STATUS, "pending"),
            SearchAttributePair(PAYMENT_METHOD, method),
            SearchAttributePair(CURRENCY, currency),
            SearchAttributePair(NEEDS_ATTENTION, value=False),
            SearchAttributePair(CUSTOMER_REF, customer_ref),
        ]
    )
