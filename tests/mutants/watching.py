"""Bugs in what watches over orders: the sweep, the audit, and what workflows have forgotten."""

from tests.mutants.bug import Bug

_SWEEP = "workflows/test_sweep.py::"
_FACTS = "workflows/test_facts.py::"
_FORGOTTEN = "workflows/test_forgotten_commands.py::"
_AUDIT = "workflows/test_audit.py::"

WATCHING = (
    Bug(
        "age_never_due",
        "A payment that waits is never looked at again.",
        "domain/sweep.py",
        "return any(swept < waiting_since + age <= at for age in ages)",
        "return any(at < waiting_since + age <= swept for age in ages)",
        ("unit/test_sweep.py::test_an_age_is_due_in_the_sweep_that_reaches_it_and_not_again",),
    ),
    Bug(
        "age_one_off",
        "An age that is reached in the very moment of a sweep is never due.",
        "domain/sweep.py",
        "return any(swept < waiting_since + age <= at for age in ages)",
        "return any(swept < waiting_since + age < at for age in ages)",
        ("unit/test_sweep.py::test_an_age_is_due_in_the_sweep_that_reaches_it_and_not_again",),
    ),
    Bug(
        "lost_order_not_reported",
        "An open order whose workflow is gone is not reported.",
        "activities/sweep.py",
        "if there is False and order in still)",
        "if there is None and order in still)",
        (_SWEEP + "test_an_order_whose_workflow_was_terminated_is_reported_and_not_touched",),
    ),
    Bug(
        "late_money_swept_away",
        "Late money whose webhook reached nobody is not reported by the sweep.",
        "activities/sweep.py",
        "return webhook.paid and orders.get(webhook.order_id) is False",
        "return webhook.paid and orders.get(webhook.order_id) is None",
        (_SWEEP + "test_late_money_whose_webhook_was_never_told_is_reported",),
    ),
    Bug(
        "held_money_not_swept",
        "News of held money that reached no workflow are dropped by the sweep.",
        "activities/sweep.py",
        "return of_payments | {each.order_id for each in unheard if each.news}",
        "return of_payments",
        (_SWEEP + "test_news_of_held_money_that_were_never_told_are_told",),
    ),
    Bug(
        "untold_forgotten",
        "What could not be told, because Temporal was away, is not told by the next sweep.",
        "activities/sweep.py",
        "if webhook.order_id not in untold:",
        "if webhook.order_id:",
        (_SWEEP + "test_what_could_not_be_told_is_told_by_the_next_sweep",),
    ),
    Bug(
        "promise_forgotten",
        "A command that was answered 202 is not owed.",
        "api/commands.py",
        "claim.owed = claim.owed and said is Said.LATER",
        "claim.owed = False",
        (_FORGOTTEN + "test_a_command_that_was_accepted_outlives_temporal",),
    ),
    Bug(
        "behind_for_ever",
        "A workflow that is behind its order is not told what it does not know.",
        "api/commands.py",
        "        await tell_commands(self._wired.database, TemporalWaker(self._wired.temporal), owed)\n",
        "",
        (_FORGOTTEN + "test_an_order_goes_on_after_a_shipment_that_its_workflow_does_not_know",),
    ),
    Bug(
        "busy_taken_for_told",
        "A command that came at a busy moment is not told again.",
        "workflows/waking.py",
        "return isinstance(as_error(refused.cause), OrderBusy | OrderHeld)",
        "return False",
        (_FORGOTTEN + "test_what_the_order_can_not_take_now_is_told_later",),
    ),
    Bug(
        "told_for_ever",
        "A command that was told is told again every minute.",
        "activities/telling.py",
        "            await commands.owe(session, request_id, owed=False)\n",
        "            pass\n",
        (_FORGOTTEN + "test_what_is_refused_for_good_is_told_once",),
    ),
    Bug(
        "shipped_goods_refunded",
        "An order is cancelled although its goods are on their way, if its workflow does not know.",
        "activities/cancellation.py",
        "if await orders.on_its_way(session, step.order_id):",
        "if order.status is None:",
        (_FACTS + "test_a_cancellation_from_the_web_ui_does_not_end_what_was_shipped",),
    ),
    Bug(
        "refunded_goods_shipped",
        "Goods are shipped although their money is on its way back, if the workflow does not know.",
        "activities/fulfilment.py",
        "if await payments.given_back(session, payment.id):",
        "if payment.order_id is None:",
        (_FACTS + "test_goods_are_not_shipped_once_their_money_is_on_its_way_back",),
    ),
    Bug(
        "finding_not_reported",
        "The audit looks at the books and tells nobody what is off.",
        "activities/audit.py",
        "for each in findings}",
        "for each in findings if not each}",
        (_AUDIT + "test_books_that_are_off_are_reported_once_with_what_is_off",),
    ),
    Bug(
        "forgotten_claim_not_reported",
        "An order that was accepted and never began is not reported.",
        "activities/audit.py",
        "never_began = await self._having(claims, Presence.NONE)",
        "never_began = await self._having(claims, Presence.CLOSED)",
        (_AUDIT + "test_a_claim_that_came_to_nothing_is_found_once",),
    ),
    Bug(
        "second_charge_not_found",
        "The books check lets two payments for one order pass.",
        "domain/books.py",
        "if truth.intents > 1 or truth.captures > 1:",
        "if truth.captures > 1:",
        ("integration/test_books.py::test_the_provider_says_otherwise",),
    ),
    Bug(
        "refund_not_compared",
        "The books check does not compare refunds with the provider's.",
        "domain/books.py",
        '    "refunded": {OperationKind.REFUND},\n}',
        "}",
        ("integration/test_books.py::test_the_provider_says_otherwise",),
    ),
)
