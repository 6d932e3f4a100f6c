"""Bugs at the edges: idempotency keys of callers and providers, what a provider says, and its webhooks."""

from tests.mutants.bug import Bug

_ONCE = "api/idempotency.py"
_KEYS = "integration/test_idempotency.py::"
_OUTAGES = "integration/test_outages.py::"
_LISTS = "integration/test_api_lists.py::"
_GATEWAY = "providers/stripe/gateway.py"
_ANSWERS = "providers/stripe/answers.py"
_CONTRACT = "providers/test_gateway_contract.py::"
_ONE_EFFECT = "providers/test_gateway_faults.py::test_a_call_that_is_repeated_until_it_is_answered_happens_once"
_WEBHOOKS_IN = "integration/test_webhooks_in.py::"
_VERIFIER = "providers/stripe/test_stripe_verifier.py::"

ASKING = (
    Bug(
        "claim_after_the_call",
        "The workflow is started before the caller's key is committed.",
        _ONCE,
        "                prepared = await call.prepare(session, claim)\n        try:",
        "                prepared = await call.prepare(session, claim)\n"
        "                return await self._answered(call, claim, await call.act(claim, prepared))\n"
        "        try:",
        (_KEYS + "test_a_key_is_claimed_per_route",),
    ),
    Bug(
        "fingerprint_ignored",
        "A key that was used with another body is answered with the other order.",
        _ONCE,
        "if row.fingerprint != call.fingerprint:",
        "if not row.fingerprint:",
        (_KEYS + "test_the_same_key_with_another_body_is_refused",),
    ),
    Bug(
        "busy_stored",
        "A refusal that a repeat could turn is stored and replayed for ever.",
        _ONCE,
        "if refusal.retryable or refusal.status >= 500:",
        "if refusal.status >= 500:",
        ("workflows/test_endings.py::test_an_order_is_busy_while_its_payment_is_under_way",),
    ),
    Bug(
        "fault_stored",
        "A 503 is stored as the answer to the key.",
        _ONCE,
        "if refusal.retryable or refusal.status >= 500:",
        "if refusal.retryable and refusal.status < 500:",
        (_OUTAGES + "test_without_temporal_an_order_is_refused_soon_and_taken_later_under_the_same_key",),
    ),
    Bug(
        "accepted_stored",
        "The passing answer 202 is stored as the last word.",
        _ONCE,
        "return self.status != _ACCEPTED",
        "return self.status >= 200",
        (_LISTS + "test_an_order_is_pending_while_no_worker_runs_and_completes_when_one_comes",),
    ),
    Bug(
        "second_run_acts",
        "Another run of a workflow that Temporal has forgotten takes the order for its own.",
        "activities/orders.py",
        "if order.first_run_id != step.run_id:",
        "if not order.first_run_id:",
        (_KEYS + "test_a_second_run_of_a_forgotten_order_charges_nothing",),
    ),
    Bug(
        "charge_without_key",
        "Stripe is asked for a payment without an idempotency key.",
        _GATEWAY,
        'payment_intents.create(params, {"idempotency_key": request.key})',
        "payment_intents.create(params)",
        (_CONTRACT + "test_asking_twice_with_the_same_key_is_one_payment_with_one_answer",),
    ),
    Bug(
        "capture_key_random",
        "Every operation is asked for with a random key.",
        "domain/payments.py",
        'return f"{order_id}:pay:{attempt}:{kind}"',
        'return __import__("uuid").uuid4().hex',
        ("unit/test_payment_status.py::test_an_operation_key_is_made_of_order_attempt_and_step",),
    ),
    Bug(
        "key_with_retry_number",
        "Temporal's retry number is part of the provider's key, so that a lost answer is a second charge.",
        "activities/payments.py",
        "return self._gateways[request.provider].authorize(request)",
        'key = f"{request.key}:{activity.info().attempt}"\n'
        '        return self._gateways[request.provider].authorize(request.model_copy(update={"key": key}))',
        ("proof/test_lost_answers.py::test_a_lost_answer_has_no_second_effect[create-after]",),
    ),
    Bug(
        "same_key_for_another_card",
        "The attempt after a decline is asked for with the key of the declined one.",
        "db/payments.py",
        "key=operation_key(payment.order_id, number, attempt_kind(choice.capture)),",
        "key=operation_key(payment.order_id, 1, attempt_kind(choice.capture)),",
        ("workflows/test_order.py::test_a_declined_buyer_pays_with_another_card",),
    ),
    Bug(
        "forgotten_key_not_looked_up",
        "A payment is asked for again when its key is forgotten, without a look for the first.",
        _GATEWAY,
        "known = self._find(request) if look else None",
        "known = None",
        (_CONTRACT + "test_a_payment_is_found_when_the_provider_has_forgotten_its_key",),
    ),
    Bug(
        "lost_payment_before_our_time",
        "A payment whose answer was lost is not found when our clock is ahead, and is asked for again.",
        "providers/stripe/gateway.py",
        "(request.since - CLOCKS_APART)",
        "request.since",
        (_CONTRACT + "test_a_payment_is_found_when_our_clock_is_ahead_of_the_provider_s",),
    ),
    Bug(
        "failure_as_old_as_the_payment",
        "A later attempt that just failed counts as settled, for its payment is old.",
        _GATEWAY,
        "datetime.now(UTC) - (request.asked or request.since) > SETTLED:",
        "datetime.now(UTC) - request.since > SETTLED:",
        ("providers/test_gateway_faults.py::test_a_failure_of_a_moment_ago_may_still_have_its_effect",),
    ),
    Bug(
        "refund_not_looked_up",
        "A refund is asked for again when its key is forgotten, without a look for the first.",
        _GATEWAY,
        "refund = self._find_refund(request)\n        try:",
        "refund: Refund | None = None\n        try:",
        ("providers/test_gateway_refunds.py::test_a_refund_is_found_when_the_provider_has_forgotten_its_key",),
    ),
    Bug(
        "lost_answer_taken_for_refusal",
        "A provider's server error is told as a final no, although the money may be taken.",
        "providers/stripe/failures.py",
        "if error.http_status is None or error.http_status >= 500:",
        "if error.http_status is None:",
        (_ONE_EFFECT + "[stripe-error_500_after-authorize]",),
    ),
    Bug(
        "hold_taken_at_once",
        "An order that is to be captured at shipping is charged when it is placed.",
        _GATEWAY,
        'return "manual" if request.capture is CaptureMode.MANUAL else "automatic"',
        'return "automatic"',
        (_CONTRACT + "test_manual_capture_holds_the_money",),
    ),
    Bug(
        "another_s_amount",
        "The amount of the provider's object is not compared with ours.",
        _ANSWERS,
        "(order_id, to_stripe(amount, currency), currency.lower())",
        "(order_id, thing.amount, currency.lower())",
        (_CONTRACT + "test_a_payment_that_is_not_ours_is_never_taken_for_ours",),
    ),
    Bug(
        "another_s_currency",
        "The currency of the provider's object is not compared with ours.",
        _ANSWERS,
        "(order_id, to_stripe(amount, currency), currency.lower())",
        "(order_id, to_stripe(amount, currency), thing.currency)",
        (_CONTRACT + "test_a_payment_that_is_not_ours_is_never_taken_for_ours",),
    ),
    Bug(
        "another_s_order",
        "The order of the provider's object is not compared with ours.",
        _ANSWERS,
        'metadata(thing).get("order_id", ""), thing.amount',
        "order_id, thing.amount",
        (_CONTRACT + "test_a_payment_that_is_not_ours_is_never_taken_for_ours",),
    ),
    Bug(
        "pending_refund_done",
        "A refund that the bank still thinks over counts as paid back.",
        _ANSWERS,
        "return RefundPending(reference=refund.id)",
        "return Refunded(reference=refund.id, amount=request.amount)",
        ("providers/test_gateway_refunds.py::test_a_refund_that_the_bank_thinks_over_is_pending_until_it_is_through",),
    ),
    Bug(
        "isk_by_iso",
        "Icelandic krónur are sent without the two decimals that Stripe wants: a hundredth is charged.",
        "providers/stripe/amounts.py",
        '_EXPONENTS = {"ISK": 2, "UGX": 2, "MGA": 0}',
        '_EXPONENTS = {"UGX": 2, "MGA": 0}',
        ("providers/stripe/test_stripe_amounts.py::test_an_amount_is_charged_in_stripe_s_own_units",),
    ),
    Bug(
        "yen_with_cents",
        "The Japanese yen has two decimals: a hundred times the price.",
        "domain/money.py",
        "ISK JPY KMF",
        "ISK KMF",
        ("unit/test_money.py::test_the_currencies_that_are_easily_got_wrong_are_right",),
    ),
    Bug(
        "signature_skipped",
        "A webhook is believed whoever signed it.",
        "providers/stripe/webhooks.py",
        "event = stripe.Webhook.construct_event(body, signature, secret, tolerance=SIGNATURE_TOLERANCE_SECONDS)",
        'event = stripe.Event.construct_from(__import__("json").loads(body), secret)',
        (_VERIFIER + "test_a_signature_of_another_secret_is_refused",),
    ),
    Bug(
        "old_signature_believed",
        "A signed webhook is believed for ever, so that it can be replayed.",
        "providers/stripe/webhooks.py",
        "secret, tolerance=SIGNATURE_TOLERANCE_SECONDS)",
        "secret, tolerance=None)",
        (_VERIFIER + "test_a_signature_is_believed_for_five_minutes",),
    ),
    Bug(
        "second_secret_not_tried",
        "During a rotation only the newest secret counts, and webhooks are lost.",
        "providers/stripe/webhooks.py",
        "for secret in self._secrets if",
        "for secret in self._secrets[:1] if",
        (_VERIFIER + "test_both_secrets_count_during_a_rotation",),
    ),
    Bug(
        "news_superseded",
        "A webhook that tells something new is put aside, and one that tells nothing wakes the order.",
        "db/webhooks.py",
        "if await _known(session, event):",
        "if not await _known(session, event):",
        (_WEBHOOKS_IN + "test_what_the_order_knows_already_is_stored_and_not_signalled",),
    ),
    Bug(
        "refund_s_failure_no_news",
        "That a refund failed after it had succeeded is taken for known.",
        "providers/stripe/webhooks.py",
        '"refund.failed": frozenset({"failed"}),',
        '"refund.failed": frozenset({"failed", "completed"}),',
        (_VERIFIER + "test_a_refund_that_failed_is_news_after_it_succeeded",),
    ),
)
