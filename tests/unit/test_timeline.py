"""What people are told of an order's events: everybody in their own words, and nobody more than is theirs."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest

from db.ids import new_id
from domain.events import EventType
from domain.orders import Role
from domain.timeline import TOLD, LoggedEvent, TimelineEntry, entry_of

OWN, ANOTHER_S = new_id("ful"), new_id("ful")
NOTHING: frozenset[str] = frozenset()


def logged(kind: EventType | str, **data: Any) -> LoggedEvent:
    return LoggedEvent(id=new_id("evt"), type=kind, time=datetime(2026, 11, 20, tzinfo=UTC), data=data)


def told(event: LoggedEvent, role: Role, *own: str) -> TimelineEntry:
    entry = entry_of(event, role, frozenset(own))
    assert entry is not None
    return entry


def test_every_event_of_an_order_is_told_to_somebody() -> None:
    about_orders = {
        each for each in EventType if each.partition(".")[0] in {"order", "fulfilment", "payment", "refund"}
    }

    assert set(TOLD) == about_orders


@pytest.mark.parametrize("kind", TOLD)
@pytest.mark.parametrize("role", Role)
def test_no_sentence_shows_a_brace_or_lacks_its_end(kind: str, role: Role) -> None:
    entry = entry_of(logged(kind, amount=1, currency="USD"), role, NOTHING)

    assert entry is None or re.fullmatch(r"[A-Z0-9][^{}]*\.", entry.sentence)


def test_amounts_are_told_in_the_currency_s_own_units() -> None:
    paid = told(logged(EventType.PAYMENT_CAPTURED, amount=2644, currency="USD"), Role.BUYER)
    refunded = told(logged(EventType.REFUND_COMPLETED, amount=1999, currency="JPY"), Role.BUYER)

    assert (paid.sentence, refunded.sentence) == ("26.44 USD were paid.", "1,999 JPY were refunded.")


def test_a_buyer_is_told_neither_codes_nor_reasons_of_staff() -> None:
    declined = logged(EventType.PAYMENT_DECLINED, amount=1, currency="USD", code="stolen_card")
    held = logged(EventType.ORDER_HELD, reason="fraud_review", actor_id=new_id("acc"))

    for event, secret in ((declined, "stolen_card"), (held, "fraud_review")):
        assert secret not in told(event, Role.BUYER).model_dump_json()
        assert secret in told(event, Role.ADMIN).sentence
    assert told(declined, Role.ADMIN).data == declined.data
    assert entry_of(logged(EventType.PAYMENT_RESOLVED, outcome="captured"), Role.BUYER, NOTHING) is None


def test_a_seller_hears_of_own_parts_and_of_the_order_and_never_of_the_payment() -> None:
    own = logged(EventType.FULFILMENT_SHIPPED, fulfilments=[OWN])
    another_s = logged(EventType.FULFILMENT_SHIPPED, fulfilments=[ANOTHER_S])
    placed = logged(EventType.ORDER_PLACED, total=4788, currency="USD")

    assert told(own, Role.SELLER, OWN).data == {}
    assert entry_of(another_s, Role.SELLER, frozenset({OWN})) is None
    assert "47.88" not in told(placed, Role.SELLER, OWN).model_dump_json()
    assert "47.88 USD" in told(placed, Role.ADMIN).sentence
    for kind in TOLD:
        if kind.partition(".")[0] in {"payment", "refund"}:
            assert entry_of(logged(kind, amount=1, currency="USD"), Role.SELLER, frozenset({OWN})) is None


def test_an_event_of_a_newer_release_is_left_out() -> None:
    assert entry_of(logged("order.teleported"), Role.ADMIN, NOTHING) is None
