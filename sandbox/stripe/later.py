"""What Stripe does by itself after a while: holds lapse, debits clear, refunds fail or settle."""

import asyncio
import contextlib
from collections.abc import Callable

from sandbox.stripe import charging, intents, refunds
from sandbox.stripe.call import Call
from sandbox.stripe.cards import decline
from sandbox.stripe.errors import CardError
from sandbox.stripe.methods import IBAN_FAILS
from sandbox.stripe.store import Due, Store


def hold_lapses(call: Call, intent_id: str) -> None:
    intent = call.store.find("payment_intent", intent_id)
    if intent is None or intent["status"] != "requires_capture":
        return
    charge = call.store.find("charge", intent["latest_charge"])
    intents.close(call, intent, "automatic")
    if charge is not None:
        call.emit("charge.expired", call.store.find("charge", charge["id"]) or charge)


def debit_clears(call: Call, intent_id: str) -> None:
    intent = call.store.find("payment_intent", intent_id)
    if intent is None or intent["status"] != "processing":
        return
    method = call.store.find("payment_method", intent["payment_method"])
    if method is None:
        return
    if call.store.hidden(method["id"]).get("iban") == IBAN_FAILS:
        with contextlib.suppress(CardError):
            charging.fail(call, intent, method, decline("generic_decline"))
    else:
        charging.collect(call, intent, charging.debit_details(method), method)


def refund_fails(call: Call, refund_id: str) -> None:
    refund = call.store.find("refund", refund_id)
    if refund is not None and refund["status"] in {"pending", "succeeded"}:
        refunds.fail(call, refund)


def refund_is_canceled(call: Call, refund_id: str) -> None:
    refund = call.store.find("refund", refund_id)
    if refund is not None and refund["status"] in {"pending", "succeeded"}:
        refunds.call_off(call, refund)


def refund_settles(call: Call, refund_id: str) -> None:
    refund = call.store.find("refund", refund_id)
    if refund is not None and refund["status"] == "pending":
        refunds.settle(call, refund)


TURNS: dict[str, Callable[[Call, str], None]] = {
    "hold_lapses": hold_lapses,
    "debit_clears": debit_clears,
    "refund_fails": refund_fails,
    "refund_is_canceled": refund_is_canceled,
    "refund_settles": refund_settles,
}


class Timers:
    """Runs what is due, in order; `wake` after anything that may have scheduled something earlier."""

    def __init__(self, store: Store, open_call: Callable[[], Call], announce: Callable[[list[str]], None]) -> None:
        self._store = store
        self._open_call = open_call
        self._announce = announce
        self._changed = asyncio.Event()

    def wake(self) -> None:
        self._changed.set()

    async def run(self) -> None:
        while True:
            self._changed.clear()
            due = self._store.next_due()
            wait = None if due is None else due.at - self._store.now()
            if due is not None and wait is not None and wait <= 0:
                self._turn(due)
                continue
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._changed.wait()

    def _turn(self, due: Due) -> None:
        call = self._open_call()
        with self._store.transaction():
            TURNS[due.what](call, due.id)
            self._store.done(due)
        self._announce(call.events)
