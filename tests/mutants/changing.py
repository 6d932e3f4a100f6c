"""Bugs in what people change of orders that stand, in how they find them, and in what is compared after a restore."""

from tests.mutants.bug import Bug

_CHANGES = "integration/test_order_changes.py::"
_LISTS = "integration/test_order_lists.py::"
_COMMANDS = "integration/test_command_line.py::"
_RESTORED = _COMMANDS + "test_after_a_restore_what_became_of_older_payments_is_told"

CHANGING = (
    Bug(
        "shipped_order_sent_elsewhere",
        "The address of goods that are on their way is changed.",
        "db/contacts.py",
        "    if await orders.on_its_way(session, order.id):\n",
        "    if order.id == session:\n",
        (_CHANGES + "test_the_address_of_what_is_on_its_way_is_fixed",),
    ),
    Bug(
        "other_place_at_the_same_price",
        "Goods go to a place for which neither tax nor shipping was computed.",
        "db/contacts.py",
        "    if before is None or to.place != before.place:\n",
        "    if before is None:\n",
        (_CHANGES + "test_an_address_in_another_place_is_refused",),
    ),
    Bug(
        "held_order_sent_elsewhere",
        "The buyer of an order that staff look at sends it to another address.",
        "db/contacts.py",
        "    if order.held and by.role is Role.BUYER:\n",
        "    if order.held and by.role is Role.SELLER:\n",
        (_CHANGES + "test_the_buyer_of_a_held_order_can_not_send_it_elsewhere_but_staff_can",),
    ),
    Bug(
        "notes_after_the_erasure",
        "Who is gone is written about on their orders.",
        "db/contacts.py",
        ", Account.status != AccountStatus.ERASED)\n    .with_for_update",
        ")\n    .with_for_update",
        ("integration/test_erasure.py::test_nothing_is_written_on_an_order_whose_buyer_is_gone",),
    ),
    Bug(
        "contact_not_read_again",
        "Notes are changed as they were before others changed them.",
        "db/contacts.py",
        "    await session.refresh(contact)\n",
        "",
        (_CHANGES + "test_a_change_waits_for_another_and_keeps_it",),
    ),
    Bug(
        "seller_s_note_shown",
        "The buyer reads what sellers note for themselves.",
        "domain/order_view.py",
        'return self.model_copy(update={"payments": payments, "seller_notes": {}})',
        'return self.model_copy(update={"payments": payments})',
        (_CHANGES + "test_a_seller_s_note_is_seen_by_that_seller_and_by_staff",),
    ),
    Bug(
        "unknown_filter_left_out",
        "A misspelt filter is left out, and everything is shown.",
        "api/schemas.py",
        "    if unknown:\n",
        "    if not known:\n",
        (_LISTS + "test_a_filter_that_is_not_known_is_refused_and_not_left_out",),
    ),
    Bug(
        "another_s_parcel_found",
        "A seller finds orders by the parcels of another seller.",
        "api/order_lists.py",
        "        parcels = parcels.where(Fulfilment.seller_id == caller.account_id)\n",
        "        parcels = parcels.where(Fulfilment.seller_id.is_not(None))\n",
        (_LISTS + "test_a_seller_learns_nothing_of_others_and_of_the_payment",),
    ),
    Bug(
        "blocked_buyer_sends_it_elsewhere",
        "Who was blocked sends a paid order to another address, by a token from before.",
        "db/contacts.py",
        "    await standing.check(session, by.account_id, by.role)\n",
        "",
        (_CHANGES + "test_an_access_token_that_outlived_a_block_changes_nothing",),
    ),
    Bug(
        "changed_without_end",
        "A buyer fills an order's log with changes.",
        "db/contacts.py",
        ">= _EACH_AT_MOST",
        "> _EACH_AT_MOST",
        (_CHANGES + "test_nobody_but_staff_changes_an_order_without_end",),
    ),
    Bug(
        "under_way_is_no_news",
        "After a restore, money that was asked for before the backup and taken after it is passed over.",
        "db/books_since.py",
        "payment_findings(_as_written(each), ",
        "payment_findings(each, ",
        (_COMMANDS + "test_money_of_a_payment_that_was_under_way_at_the_backup_is_told",),
    ),
    Bug(
        "unanswered_not_listed",
        "After a restore nobody looks for a payment whose answer was lost before the backup.",
        "db/books_since.py",
        "min(begun, since)",
        "max(begun, since)",
        (_COMMANDS + "test_money_that_nobody_had_an_answer_about_at_the_backup_is_told",),
    ),
    Bug(
        "older_payments_not_compared",
        "After a restore only payments are compared that were begun since.",
        "db/books_since.py",
        "or_(Payment.created >= since, _may_have_moved(since), Payment.order_id.in_(known))",
        "or_(Payment.created >= since)",
        (_RESTORED,),
    ),
    Bug(
        "refunds_since_not_listed",
        "After a restore nobody asks for the refunds of older payments.",
        "providers/stripe/statement.py",
        "sorted(self._refunded_since(int(at.timestamp())).union(also)",
        "sorted(set(also)",
        (_RESTORED,),
    ),
)
