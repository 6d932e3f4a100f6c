"""Bugs in what is noticed afterwards: refunds that turn, money that others move, answers that only we know."""

from tests.mutants.bug import Bug

_REFUNDS = "providers/test_gateway_refunds.py::"
_SWEEP = "workflows/test_sweep.py::"
_TAMPERING = "integration/test_books.py::test_tampering_is_found_for_what_it_is"
_CAPTURE = "workflows/test_capture.py::"
_FORGOTTEN = "workflows/test_forgotten_commands.py::"

NOTICING = (
    Bug(
        "capture_not_logged",
        "Money that is taken when goods ship is in no event.",
        "activities/fulfilment.py",
        "        _log(session, step, EventType.PAYMENT_CAPTURED, taken)\n",
        "",
        (_CAPTURE + "test_a_declined_capture_ships_nothing_and_can_be_asked_for_again",),
    ),
    Bug(
        "paid_refund_logged_as_under_way",
        "A refund that was paid is told to be under way.",
        "activities/refunds.py",
        "RefundStatus.COMPLETED, EventType.REFUND_COMPLETED",
        "RefundStatus.COMPLETED, EventType.REFUND_PROCESSING",
        (_CAPTURE + "test_a_part_that_was_captured_elsewhere_goes_back_with_its_order",),
    ),
    Bug(
        "another_s_sale_reported",
        "Money that another deployment took on the same account is told to staff to be refunded.",
        "db/webhooks.py",
        "    if status is None or status in TAKEN:\n",
        "    if status in TAKEN:\n",
        ("integration/test_webhooks_in.py::test_a_webhook_of_somebody_else_s_order_is_taken_and_ignored",),
    ),
    Bug(
        "paid_refund_never_read_again",
        "A refund that was paid is believed for ever.",
        "activities/sweep.py",
        "    read_again += await refunds.paid_that_reach(session, RECHECKS, recent, at)\n",
        "",
        (_SWEEP + "test_a_refund_that_failed_days_after_it_was_paid_is_found_without_any_webhook",),
    ),
    Bug(
        "age_reached_in_every_sweep",
        "A refund that reached an age is read again in every sweep from then on.",
        "db/refunds.py",
        "and_(since > swept - age, since <= at - age)",
        "and_(since <= at - age)",
        (_SWEEP + "test_a_paid_refund_is_looked_at_again_at_each_age_once",),
    ),
    Bug(
        "refund_without_an_end",
        "Nobody is told of a refund that has no end.",
        "activities/sweep.py",
        "for each in overdue]",
        "for each in overdue[:0]]",
        (_SWEEP + "test_a_refund_that_has_no_end_after_two_weeks_is_a_person_s_matter",),
    ),
    Bug(
        "reversal_taken_for_payment",
        "A refund that was cancelled at the provider stays paid in our books.",
        "providers/stripe/answers.py",
        'return RefundReversed(reference=refund.id, reason=refund.failure_reason or "canceled")',
        "return Refunded(reference=refund.id, amount=from_stripe(refund.amount, request.currency))",
        (
            "workflows/test_endings.py::test_a_refund_that_is_cancelled_at_the_provider_is_reversed_and_a_person_s_matter",
        ),
    ),
    Bug(
        "part_taken_for_the_whole",
        "Goods are shipped when a part of their money was captured.",
        "activities/fulfilment.py",
        "whole = isinstance(said, Captured) and said.amount == operation.amount",
        "whole = isinstance(said, Captured)",
        (_CAPTURE + "test_goods_are_not_shipped_for_a_part_of_their_money",),
    ),
    Bug(
        "rest_of_a_part_forgotten",
        "What a provider releases with a partial capture is never written down.",
        "db/captures.py",
        "        moves.append((OperationKind.VOID, payment.amount - taken.amount))\n",
        "",
        (_CAPTURE + "test_a_part_that_was_captured_elsewhere_goes_back_with_its_order",),
    ),
    Bug(
        "dashboard_unnoticed",
        "Money that is refunded in the provider's dashboard is nobody's news.",
        "providers/stripe/webhooks.py",
        'outside = _moved_outside(event["type"], thing) if refund_id is None else None',
        "outside = None",
        ("integration/test_webhooks_in.py::test_a_refund_made_in_the_providers_dashboard_is_reported",),
    ),
    Bug(
        "webhook_kept_whole",
        "What a provider tells of a buyer is stored with its webhook.",
        "providers/stripe/webhooks.py",
        "if name in names and not isinstance(value, dict | list)}",
        "if name in names or value}",
        ("providers/stripe/test_stripe_verifier.py::test_nothing_about_a_person_is_kept",),
    ),
    Bug(
        "spent_key_asked_for_ever",
        "A refund whose key is spent on a failure is asked for under the same key again.",
        "providers/stripe/gateway.py",
        "if refund is None and isinstance(lost, NoAnswer) and lost.over:",
        "if refund is None and not lost:",
        (_REFUNDS + "test_a_refund_whose_key_is_spent_on_a_failure_needs_another",),
    ),
    Bug(
        "database_s_answer_kept_from_the_workflow",
        "A workflow whose database alone could answer hears of it from a sweep only.",
        "api/commands.py",
        "            self._afterwards.add_task(self._tell_owed, claim.resource_id)\n",
        "            pass\n",
        (
            _FORGOTTEN + "test_what_only_the_database_could_answer_is_told_at_once",
            _FORGOTTEN + "test_a_repeat_that_only_the_database_could_answer_is_told_at_once",
        ),
    ),
    Bug(
        "accused_to_the_face",
        "Whoever holds a stolen card is told that it is known.",
        "api/orders.py",
        "cut = view.for_buyer()",
        "cut = view",
        ("workflows/test_order.py::test_a_buyer_with_a_stolen_card_is_told_no_more_than_that_it_was_declined",),
    ),
    Bug(
        "event_of_no_refund",
        "An event about money back that names no refund ends the check of the books.",
        "db/books_log.py",
        'func.coalesce(EventRow.data["refund_id"].astext, EventRow.subject)',
        'EventRow.data["refund_id"].astext',
        (_TAMPERING,),
    ),
    Bug(
        "lost_refund_unnoticed",
        "A refund that only the event log still tells of is missed by nobody.",
        "db/books_log.py",
        "for each in last]",
        "for each in last if not each]",
        (_TAMPERING,),
    ),
    Bug(
        "refund_of_another_amount",
        "A refund and its last event may differ in the amount.",
        "db/books_log.py",
        '        if says != (f"refund.{status}", of):\n',
        '        if says is None or says[0] != f"refund.{status}":\n',
        (_TAMPERING,),
    ),
)
