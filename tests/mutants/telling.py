"""Bugs in what surrounds orders: limits, logs, and the mails that tell of them."""

from tests.mutants.bug import Bug

_LIMITS = "unit/test_limits.py::"
_MAILS = "integration/test_mails.py::"
_UNDELIVERABLE = "integration/test_undeliverable_mails.py::"

TELLING = (
    Bug(
        "forwarding_believed",
        "Anybody says where a call comes from, and is another caller each time.",
        "api/peers.py",
        "            if not self._ours(peer):\n                break\n",
        "",
        (_LIMITS + "test_a_forged_forwarding_makes_no_other_caller",),
    ),
    Bug(
        "made_up_token_counted",
        "A token that is not ours is a caller of its own.",
        "api/limits.py",
        "    except HoldfastError:\n        return None",
        "    except HoldfastError:\n        return token",
        (_LIMITS + "test_a_made_up_token_is_no_account",),
    ),
    Bug(
        "log_unredacted",
        "What looks like a secret is logged as it is.",
        "activities/logs.py",
        "cleaned: dict[str, Any] = masked(event)",
        "cleaned: dict[str, Any] = dict(event)",
        ("unit/test_redaction.py::test_what_a_library_logs_is_redacted_and_knows_its_order",),
    ),
    Bug(
        "claim_without_a_lease",
        "A mail that is on its way is sent by others too.",
        "db/mails.py",
        "due=at + LEASE",
        "due=at",
        (_MAILS + "test_senders_beside_each_other_send_each_mail_once",),
    ),
    Bug(
        "mailed_amount_rounded",
        "A mail says 20 RSD where 19.99 were charged.",
        "activities/letters.py",
        "pattern.frac_prec = (places, places)",
        "pattern.frac_prec = (0, 0)",
        ("unit/test_mails.py::test_amounts_have_the_decimal_places_that_are_charged",),
    ),
    Bug(
        "poison_stops_the_rest",
        "A mail that can't be written keeps all others back.",
        "activities/mails.py",
        "except Exception as error:  # noqa: BLE001 - as the comment says",
        "except KeyError as error:",
        (_UNDELIVERABLE + "test_a_mail_that_can_t_be_written_stops_no_other_and_is_given_up_in_the_end",),
    ),
    Bug(
        "outage_uses_up_tries",
        "Mails are given up because the server was away.",
        "domain/mails.py",
        "return failed if at - created > STALE else again",
        "return failed if attempts >= 12 else again",
        (
            "unit/test_mails.py::test_a_mail_is_given_up_when_it_is_refused_and_waits_for_what_may_pass_while_it_is_of_use",
        ),
    ),
    Bug(
        "running_transaction_passed",
        "A reader of the log passes what a transaction that still runs will add.",
        "db/cursors.py",
        "            or_(EventRow.transaction_id < OLDEST_RUNNING, FOREIGN),\n",
        "",
        ("integration/test_cursors.py::test_an_event_of_a_transaction_that_still_runs_is_not_passed",),
    ),
)
