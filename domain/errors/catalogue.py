"""What can't be sold, or not like this."""

from domain.errors.branches import Conflict, Unprocessable


class OutOfStock(Conflict):
    code = "out_of_stock"
    sentence = "{requested} of {product_id} were asked for; {available} can be sold."


class StockBelowHeld(Conflict):
    code = "stock_below_held"
    sentence = "{held} of {product_id} are held by orders; {on_hand} would be left."


class ProductUnavailable(Unprocessable):
    code = "product_unavailable"
    sentence = "The product {product_id} is not for sale."


class MixedCurrencies(Unprocessable):
    code = "mixed_currencies"
    sentence = "All items of an order must be sold in one currency."


class ShippingUnavailable(Unprocessable):
    code = "shipping_unavailable"
    sentence = "Nothing is shipped to {country} by {method} in {currency}."


class CurrencyUnsupported(Unprocessable):
    code = "currency_unsupported"
    sentence = "{currency} is not a currency that can be charged."


class TotalTooLarge(Unprocessable):
    code = "total_too_large"
    sentence = "The total is larger than {limit} minor units."


class PriceChanged(Conflict):
    code = "price_changed"
    sentence = "The total is {total} {currency}, not the expected {expected}."


class DiscountUsedUp(Conflict):
    code = "discount_used_up"
    sentence = "The discount code {code} can't be used any more ({limit})."


class DiscountCodeTaken(Conflict):
    code = "discount_code_taken"
    sentence = "There is a discount with the code {code} already."


class DiscountNotApplicable(Unprocessable):
    code = "discount_not_applicable"
    sentence = "The discount code {code} takes nothing off this order ({reason})."


class DiscountIncomplete(Unprocessable):
    code = "discount_incomplete"
    sentence = "{problem}."
