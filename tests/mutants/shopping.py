"""Bugs in the catalogue and in carts: versions, the tree, searching, levels of stock, and a cart's one order."""

from tests.mutants.bug import Bug

_CATALOGUE = "integration/test_catalogue.py::"
_CHECKOUT = "integration/test_cart_checkout.py::"
_LEVELS = "integration/test_stock_levels.py::"
_SEARCH = "integration/test_search.py::"

SHOPPING = (
    Bug(
        "stale_version_taken",
        "A change of an old version overwrites what was changed since.",
        "api/versions.py",
        "if self.tags and self.tags.isdisjoint(",
        "if not self.tags and self.tags.isdisjoint(",
        (_CATALOGUE + "test_of_changes_at_once_to_one_version_one_is_made",),
    ),
    Bug(
        "product_not_locked",
        "A product is read without a lock before it is changed.",
        "db/catalogue.py",
        'with_for_update={"key_share": True} if lock else None',
        "with_for_update=None",
        (_CATALOGUE + "test_a_change_waits_for_another_of_the_same_product",),
    ),
    Bug(
        "set_aside_shown",
        "What is not for sale is shown to everybody who knows its id.",
        "api/products.py",
        "        if view.active:\n",
        "        if view.id:\n",
        (_CATALOGUE + "test_what_is_set_aside_is_seen_by_its_seller_and_staff_only",),
    ),
    Bug(
        "tree_not_locked",
        "Two changes of the tree of categories are checked against what it was before both.",
        "db/categories.py",
        "    await session.execute(select(func.pg_advisory_xact_lock(_TREE_LOCK)))\n",
        "",
        ("integration/test_categories.py::test_two_moves_at_once_never_make_a_circle",),
    ),
    Bug(
        "look_ends_for_good",
        "A look through a window of a long list that finds little is taken for the end of the list.",
        "db/search.py",
        "    if found.has_more or not rest:\n",
        "    if found.has_more or rest is not None:\n",
        (_SEARCH + "test_a_look_that_ended_early_says_where_it_goes_on",),
    ),
    Bug(
        "rest_of_a_tie_skipped",
        "A page goes on after the price of the last product: what costs the same is left out.",
        "db/looking.py",
        "                query = query.where(left < right if beyond else left > right)\n",
        "                left, right = (tuple_(keys[0]), tuple_(self._mark(mark, sort)[0]))\n"
        "                query = query.where(left < right if beyond else left > right)\n",
        (_SEARCH + "test_a_page_of_a_price_is_not_repeated_when_prices_are_alike",),
    ),
    Bug(
        "low_for_every_order",
        "A seller is told with every order that there is little, as long as there is.",
        "db/stock.py",
        "        and_(_HELD.c.stock <= _HELD.c.low_at, _HELD.c.stock + _QUANTITY > _HELD.c.low_at),\n",
        "        and_(_HELD.c.stock <= _HELD.c.low_at),\n",
        (_LEVELS + "test_an_order_that_leaves_little_is_told_of_once",),
    ),
    Bug(
        "cart_not_locked",
        "Two orders of one cart that are placed at once both take it for open.",
        "db/carts.py",
        "session.get_one(Cart, cart_id, with_for_update=True)",
        "session.get_one(Cart, cart_id)",
        (_CHECKOUT + "test_an_order_waits_for_another_that_takes_its_cart",),
    ),
    Bug(
        "changed_cart_closed",
        "A cart is closed by an order that has not what is in it by now.",
        "db/carts.py",
        "    if cart.version != version:\n",
        "    if not version:\n",
        (_CHECKOUT + "test_a_cart_that_is_changed_while_it_is_checked_out_stays_open",),
    ),
)
