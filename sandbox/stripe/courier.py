"""Delivers events as signed webhooks: few at a time, retried with backoff, misbehaving as the script says."""

import asyncio
import hashlib
import hmac
import logging
from collections.abc import Callable, Sequence
from functools import partial
from random import Random

from sandbox.faults import Script
from sandbox.stripe.store import Store
from sandbox.stripe.wire import Wire

CONCURRENCY = 8
ANSWER_WITHIN_SECONDS = 10.0
REORDER_WINDOW_SECONDS = 0.25
RETRY_AFTER_SECONDS = (0.2, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0, 60.0, 60.0, 60.0)
SETTLED_AT_ONCE = 32

Parcel = tuple[tuple[str, ...], int]
log = logging.getLogger("sandbox.stripe")


def signature(secret: str, body: bytes, at: int) -> str:
    digest = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"


class Courier:
    """An event leaves the list of the undelivered when an endpoint said 2xx, the script dropped it, or we gave up."""

    def __init__(self, store: Store, url: str, secret: str, retry_after: Sequence[float]) -> None:
        self._store = store
        self._url = url
        self._secret = secret
        self._retry_after = tuple(retry_after)
        self._ready: asyncio.Queue[Parcel] = asyncio.Queue()
        self._waiting: set[asyncio.TimerHandle] = set()
        self._mixing: list[str] = []
        self._settled: list[str] = []
        self.adopt(Script())

    def adopt(self, script: Script) -> None:
        self._faults = script.webhooks
        self._draws = Random(f"{script.seed}/webhooks")  # noqa: S311 - replayable on purpose

    def forget(self) -> None:
        for handle in self._waiting:
            handle.cancel()
        self._waiting.clear()
        self._mixing.clear()
        self._settled.clear()
        while not self._ready.empty():
            self._ready.get_nowait()

    async def run(self) -> None:
        self.post(self._store.owed_deliveries())
        try:
            async with asyncio.TaskGroup() as workers:
                for _ in range(CONCURRENCY):
                    workers.create_task(self._work())
        finally:
            self._write_settled()

    def post(self, event_ids: Sequence[str]) -> None:
        for event_id in event_ids:
            if self._faults.drop and self._draws.random() < self._faults.drop:
                self._settle(event_id)
            elif self._faults.delay_ms:
                self._after(self._faults.delay_ms / 1000, partial(self._dispatch, event_id))
            else:
                self._dispatch(event_id)

    def _dispatch(self, event_id: str) -> None:
        copies = [event_id] * self._faults.duplicate
        if not self._faults.reorder:
            for copy in copies:
                self._ready.put_nowait(((copy,), 0))
            return
        if not self._mixing:
            self._after(REORDER_WINDOW_SECONDS, self._shuffle_out)
        self._mixing.extend(copies)

    def _shuffle_out(self) -> None:
        """One parcel is delivered in sequence, so the order shuffled into it is the order of arrival."""
        shuffled = self._mixing[:]
        self._draws.shuffle(shuffled)
        if shuffled == self._mixing:
            shuffled.reverse()
        self._mixing.clear()
        self._ready.put_nowait((tuple(shuffled), 0))

    def _after(self, seconds: float, what: Callable[[], None]) -> None:
        def fire() -> None:
            self._waiting.discard(handle)
            what()

        handle = asyncio.get_running_loop().call_later(seconds, fire)
        self._waiting.add(handle)

    async def _work(self) -> None:
        wire = Wire(self._url)
        try:
            while True:
                event_ids, tries = await self._ready.get()
                for event_id in event_ids:
                    await self._deliver(wire, event_id, tries)
        finally:
            wire.close()

    async def _deliver(self, wire: Wire, event_id: str, tries: int) -> None:
        text = self._store.text_of(event_id)
        if text is None:
            return
        body = text.encode()
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "Stripe-Signature": signature(self._secret, body, int(self._store.now())),
            "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
        }
        try:
            async with asyncio.timeout(ANSWER_WITHIN_SECONDS):
                status = await wire.post(body, headers)
            problem = None if status in range(200, 300) else f"HTTP {status}"
        except OSError as error:
            problem = repr(error)
        if problem is None:
            self._settle(event_id)
        elif tries < len(self._retry_after):
            again: Parcel = ((event_id,), tries + 1)
            self._after(self._retry_after[tries], lambda: self._ready.put_nowait(again))
        else:
            log.warning("gave up delivering %s after %d tries: %s", event_id, tries + 1, problem)
            self._settle(event_id)

    def _settle(self, event_id: str) -> None:
        # Losing these in a crash only means a second delivery, so they are written a few at a time.
        self._settled.append(event_id)
        if len(self._settled) >= SETTLED_AT_ONCE or self._ready.empty():
            self._write_settled()

    def _write_settled(self) -> None:
        self._store.settle_deliveries(self._settled)
        self._settled.clear()
