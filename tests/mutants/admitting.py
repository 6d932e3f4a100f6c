"""Bugs in who is let in, and in who is forgotten: tokens, sessions, staff, erasure."""

from tests.mutants.bug import Bug

_ROTATION = "integration/test_refresh_rotation.py::"
_SESSIONS = "integration/test_sessions.py::"
_STAFF = "integration/test_account_administration.py::"
_LIMITS = "integration/test_login_limits.py::"
_KEPT = "integration/test_kept_keys.py::"
_ERASURE = "integration/test_erasure.py::"

ADMITTING = (
    Bug(
        "offer_outlives_block",
        "What a seller is putting up for sale while they are blocked stays for sale.",
        "db/standing.py",
        "standing.with_for_update(read=True)",
        "standing",
        (_STAFF + "test_a_block_waits_for_what_is_being_put_up_for_sale",),
    ),
    Bug(
        "key_let_go_early",
        "An Idempotency-Key is forgotten while its caller may still repeat the call.",
        "activities/sweep.py",
        "await commands.let_go(session, step.at - KEPT)",
        "await commands.let_go(session, step.at - KEPT / 2)",
        (_KEPT + "test_within_thirty_days_a_repeat_gets_the_first_answer",),
    ),
    Bug(
        "owed_command_let_go",
        "A command that still has to be told is forgotten with its key.",
        "db/commands.py",
        "Request.body.is_not(None), told)",
        "Request.body.is_not(None))",
        (_KEPT + "test_a_command_that_still_has_to_be_told_is_kept_for_as_long_as_that_takes",),
    ),
    Bug(
        "stolen_token_unnoticed",
        "A refresh token that was used before is exchanged again.",
        "domain/sign_in.py",
        "return Presented.REPEATED if soon and not token.successor_used else Presented.REUSED",
        "return Presented.REPEATED",
        (
            _ROTATION + "test_a_token_that_was_used_before_ends_the_whole_login",
            _ROTATION + "test_a_thief_and_the_owner_can_t_both_go_on",
        ),
    ),
    Bug(
        "family_not_locked",
        "A refresh token is exchanged without a lock on its family.",
        "db/refresh_tokens.py",
        "TokenFamily.id.in_(of_token)).with_for_update())",
        "TokenFamily.id.in_(of_token)))",
        (_ROTATION + "test_an_exchange_waits_for_another_of_the_same_token",),
    ),
    Bug(
        "login_survives_a_new_password",
        "Whoever is logged in elsewhere stays so when the password is changed.",
        "db/accounts.py",
        "        await sign_ins.end_all(session, row.id, but_family=change.family_id, but_session=change.session)\n",
        "        pass\n",
        ("integration/test_accounts.py::test_a_new_password_or_e_mail_logs_out_everywhere_else",),
    ),
    Bug(
        "pages_of_others_let_in",
        "A call by cookie is not asked where it comes from.",
        "api/deps.py",
        "    wired.cookies.check(request, secret)\n",
        "",
        (
            _SESSIONS + "test_a_call_that_none_of_our_pages_made_changes_nothing",
            _SESSIONS + "test_no_route_that_changes_something_takes_the_cookie_alone",
        ),
    ),
    Bug(
        "one_token_for_all_sessions",
        "The CSRF token of one session is good for every other.",
        "api/cookies.py",
        'hmac.digest(secret.encode(), b"csrf", hashlib.sha256)',
        'hmac.digest(b"holdfast", b"csrf", hashlib.sha256)',
        (_SESSIONS + "test_the_token_of_one_session_is_not_that_of_another",),
    ),
    Bug(
        "blocked_administrator_acts",
        "The token of an administrator counts, whatever became of the account.",
        "api/deps.py",
        "    if claims.role is Role.ADMIN:\n",
        "    if claims.role is None:\n",
        (_STAFF + "test_who_was_an_administrator_undoes_nothing_with_a_token_that_still_lives",),
    ),
    Bug(
        "administrators_not_locked",
        "Administrators are read without a lock before one of them is removed.",
        "db/accounts.py",
        "query.with_for_update(key_share=True).execution_options(populate_existing=True))\n    return {",
        "query.execution_options(populate_existing=True))\n    return {",
        (_STAFF + "test_of_two_who_remove_each_other_at_once_one_stays",),
    ),
    Bug(
        "limit_never_reached",
        "Wrong passwords are counted, and compared all the same.",
        "db/login_limits.py",
        "        if times > each.limit.times:\n",
        "        if times < 0:\n",
        (
            _LIMITS + "test_after_three_wrong_passwords_none_is_looked_at",
            _LIMITS + "test_many_guesses_at_once_are_as_few_as_one_after_another",
        ),
    ),
    Bug(
        "addresses_survive_their_owner",
        "Where somebody's orders went is known after the account was erased.",
        "db/erasure.py",
        "        *_contacts(owned),\n",
        "",
        (_ERASURE + "test_nothing_says_any_more_who_it_was",),
    ),
    Bug(
        "order_after_the_erasure",
        "An order that waited for its buyer's erasure is written with the address that it read before.",
        "db/commands.py",
        'Request.id == bindparam("request"), Account.status != AccountStatus.ERASED',
        'Request.id == bindparam("request")',
        (
            "integration/test_erasure_conditions.py::test_an_order_that_comes_out_of_the_workflow_after_the_erasure_is_not_written",
        ),
    ),
)
