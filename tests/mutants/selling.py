"""Bugs in what sellers and the merchant earn: discounts, their uses, commission, parts that are called off."""

from tests.mutants.bug import Bug

_DISCOUNTS = "integration/test_discounts.py::"
_PARTS = "workflows/test_parts.py::"
_LEDGER = "unit/test_ledger.py::"
_TERMS = "unit/test_discounts.py::"

SELLING = (
    Bug(
        "number_taken_for_a_time",
        "A bare number is a time: seconds since 1970 or milliseconds, as its size makes one guess.",
        "domain/values.py",
        "Timestamp = Annotated[AwareDatetime, BeforeValidator(_written_out)]",
        "Timestamp = Annotated[AwareDatetime, BeforeValidator(lambda at: at)]",
        (_TERMS + "test_terms_that_contradict_themselves_make_no_discount",),
    ),
    Bug(
        "period_without_end",
        "A discount's end is a time that the database keeps and nobody can read back: its orders never end.",
        "domain/discounts.py",
        "PeriodEnd = Annotated[Timestamp, AfterValidator(_in_reach)]",
        "PeriodEnd = Annotated[Timestamp, AfterValidator(lambda at: at)]",
        (_DISCOUNTS + "test_a_change_that_makes_no_sense_changes_nothing",),
    ),
    Bug(
        "repeats_are_guesses",
        "Who repeats an order with a code is refused for guessing at codes.",
        "api/placing.py",
        "if body.discount_code is not None and claim.request_id == request_id:",
        "if body.discount_code is not None:",
        (_DISCOUNTS + "test_a_repeated_order_is_one_guess",),
    ),
    Bug(
        "discount_not_locked",
        "The uses of a code are counted without a lock on it.",
        "db/discounts.py",
        "query.with_for_update() if lock else query",
        "query",
        (_DISCOUNTS + "test_buyers_at_once_never_use_a_code_more_often_than_it_may_be",),
    ),
    Bug(
        "discount_use_kept",
        "An order that ends without a sale keeps its use of a code.",
        "db/discounts.py",
        "if to not in COUNTED:\n        discount.taken -= 1",
        "if to not in UseState:\n        discount.taken -= 1",
        (_DISCOUNTS + "test_a_use_comes_back_when_its_order_ends_without_a_sale",),
    ),
    Bug(
        "discount_ends_late",
        "A code can still be used in the moment of its end.",
        "domain/discounts.py",
        "at >= self.ends",
        "at > self.ends",
        (_TERMS + "test_a_code_is_good_from_its_start_and_until_its_end",),
    ),
    Bug(
        "discount_uncapped",
        "The cap of a percentage is ignored.",
        "domain/discounts.py",
        "share if self.cap is None else min(share, self.cap)",
        "share",
        (_TERMS + "test_a_cap_is_the_most_that_a_percentage_takes_off",),
    ),
    Bug(
        "seller_bears_the_discount",
        "A seller is paid what the buyer paid, without the discount that the merchant bears.",
        "domain/ledger.py",
        "sellers[line.seller_id] += line.net + line.borne - line.commission",
        "sellers[line.seller_id] += line.net - line.commission",
        (_LEDGER + "test_a_discount_is_borne_by_the_merchant_without_the_tax_in_it",),
    ),
    Bug(
        "commission_on_own_sales",
        "The merchant takes a commission of itself.",
        "domain/pricing.py",
        "commission = 0 if sale.own_sale else",
        "commission =",
        ("unit/test_pricing.py::test_commission_is_of_what_a_line_earns_its_seller_whatever_its_discount",),
    ),
    Bug(
        "free_order_charged",
        "An order that costs nothing is sent to the provider all the same.",
        "activities/orders.py",
        "if order.total:\n            payments.open_attempt",
        "if order.total >= 0:\n            payments.open_attempt",
        (_DISCOUNTS + "test_an_order_that_costs_nothing_asks_no_provider",),
    ),
    Bug(
        "part_not_refunded",
        "A part that is called off gives nothing back of what was taken for it.",
        "activities/parts.py",
        "if total.captured and amount:",
        "if total.captured and not amount:",
        (_PARTS + "test_a_part_that_was_paid_is_refunded_and_the_rest_is_sold",),
    ),
    Bug(
        "part_captured_all_the_same",
        "What is captured when the rest ships includes the part that was called off.",
        "activities/fulfilment.py",
        "left = payment.amount - await fulfilments.called_off(session, parts)",
        "left = payment.amount",
        (_PARTS + "test_of_held_money_only_the_rest_is_captured",),
    ),
    Bug(
        "equal_refunds_are_one",
        "A second refund of the same amount is taken for the first, while that is under way.",
        "db/payments.py",
        "if kind is not OperationKind.REFUND and row.state in OPEN_STATES",
        "if row.state in OPEN_STATES",
        (_PARTS + "test_two_parts_of_the_same_price_are_two_refunds",),
    ),
    Bug(
        "one_part_accepts_all",
        "The buyer's word on one part ends the inspection of all.",
        "db/fulfilments.py",
        "return all(part.accepted for part in parts",
        "return any(part.accepted for part in parts",
        (_PARTS + "test_the_buyer_s_word_on_one_part_accepts_no_other",),
    ),
)
