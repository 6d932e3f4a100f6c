"""What an order does not take in its state."""

from domain.errors.branches import Conflict, Unprocessable


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


class OrderClosed(Conflict):
    code = "order_closed"
    sentence = "The order is {status} and takes no more changes."


class OrderNotCancellable(Conflict):
    code = "order_not_cancellable"
    sentence = "A {status} order can't be cancelled; request a refund instead."


class OrderNotShippable(Conflict):
    code = "order_not_shippable"
    sentence = "A {status} order can't be shipped."


class OrderNotDeliverable(Conflict):
    code = "order_not_deliverable"
    sentence = "A {status} order can't be delivered."


class FulfilmentRequired(Unprocessable):
    code = "fulfilment_required"
    sentence = "Name the fulfilment: there is none {status} to take by itself."


class MoneyGivenBack(Conflict):
    code = "money_given_back"
    sentence = "Money of the order was released or refunded, in whole or in part: nothing ships for it."


class AddressFixed(Conflict):
    code = "address_fixed"
    sentence = "The address can't be changed: {reason}."


class IncidentClosed(Conflict):
    code = "incident_closed"
    sentence = "The incident {id} is closed already."


class CommandsExhausted(Conflict):
    code = "commands_exhausted"
    sentence = "Too much was asked of this order already. Its merchant can still act on it."


class FulfilmentNotCancellable(Conflict):
    code = "fulfilment_not_cancellable"
    sentence = "This part of the order can't be called off: {reason}."
