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


class CategoryExists(Conflict):
    code = "category_exists"
    sentence = "There is a category {slug} already."


class CategoryInUse(Conflict):
    code = "category_in_use"
    sentence = "The category {slug} still has products or categories below it."


class CategoriesFull(Conflict):
    code = "categories_full"
    sentence = "There are {limit} categories, and no more can be made."


class CategoryUnknown(Unprocessable):
    code = "category_unknown"
    sentence = "There is no category {slug}."


class CategoryCycle(Unprocessable):
    code = "category_cycle"
    sentence = "A category can't be moved below itself."


class CategoryTooDeep(Unprocessable):
    code = "category_too_deep"
    sentence = "Categories are at most {limit} levels deep."


class CartCheckedOut(Conflict):
    code = "cart_checked_out"
    sentence = "The cart {cart_id} became the order {order_id} and takes no more changes."


class CartChanged(Conflict):
    code = "cart_changed"
    sentence = "The cart {cart_id} was changed while it was checked out; check it out again with another key."


class CartEmpty(Unprocessable):
    code = "cart_empty"
    sentence = "The cart has nothing in it."


class CartsExhausted(Conflict):
    code = "carts_exhausted"
    sentence = "An account has at most {limit} open carts; go on with one of them, or check one out."


class CartFull(Unprocessable):
    code = "cart_full"
    sentence = "A cart takes at most {limit} {what}."
