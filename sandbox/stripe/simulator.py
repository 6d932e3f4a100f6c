"""The running simulator: what it knows, its script, its couriers and timers."""

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sandbox.faults import Do, Fault, Script, SeenRequest
from sandbox.stripe import truth
from sandbox.stripe.call import Call
from sandbox.stripe.courier import Courier
from sandbox.stripe.errors import Broken, Overloaded
from sandbox.stripe.forms import Params, parse
from sandbox.stripe.later import Timers
from sandbox.stripe.script import StripeScript
from sandbox.stripe.store import Store

NAMED = re.compile(r"^/v1/(?:payment_intents|charges|refunds)/((?:pi|ch|re)_\w+)")
CONFIRMED = re.compile(r"^/v1/payment_intents/[^/]+/confirm$")
RETRY_AFTER_SECONDS = "1"

log = logging.getLogger("sandbox.stripe")


class Simulator:
    def __init__(
        self, state: Path | None, webhook_url: str | None, webhook_secret: str, retry_after: Sequence[float]
    ) -> None:
        self.store = Store(state)
        self.script = StripeScript()
        self._courier = Courier(self.store, webhook_url, webhook_secret, retry_after) if webhook_url else None
        self._timers = Timers(self.store, self.open_call, self._announce)
        self._in_flight: set[tuple[str, str]] = set()

    def open_call(self, base_url: str = "") -> Call:
        return Call(self.store, self.script, base_url, announces=self._courier is not None)

    def after(self, call: Call) -> None:
        """To be called when the call's transaction is committed."""
        self._announce(call.events)
        self._timers.wake()

    def _announce(self, events: list[str]) -> None:
        if self._courier is not None:
            self._courier.post(events)

    @contextmanager
    def in_flight(self, account: str, key: str) -> Iterator[bool]:
        """Yields whether nobody else is at work under this key."""
        if (account, key) in self._in_flight:
            yield False
            return
        self._in_flight.add((account, key))
        try:
            yield True
        finally:
            self._in_flight.discard((account, key))

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        self.store.prune_answers(self.store.now() - self.script.idempotency_ttl_ms / 1000)
        tasks = [asyncio.create_task(self._timers.run())]
        if self._courier is not None:
            tasks.append(asyncio.create_task(self._courier.run()))
        for task in tasks:
            task.add_done_callback(_complain)
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            for task in tasks:
                with suppress(asyncio.CancelledError):
                    await task
            self.store.close()

    def parse_script(self, document: object) -> StripeScript:
        return StripeScript.model_validate(document)

    def adopt(self, script: Script) -> None:
        if not isinstance(script, StripeScript):
            raise TypeError(script)
        self.script = script
        if self._courier is not None:
            self._courier.adopt(script)

    def forget(self) -> None:
        self.store.clear()
        if self._courier is not None:
            self._courier.forget()

    def state(self) -> Mapping[str, Any]:
        return truth.state(self.store)

    def read(self, request: Request, body: bytes) -> SeenRequest:
        sent = body.decode("utf-8", "replace") if request.method == "POST" else request.url.query
        params = parse(sent)
        return SeenRequest(
            method=request.method,
            path=request.url.path,
            key=request.headers.get("idempotency-key"),
            params=params,
            order_id=self._order_of(request.url.path, params),
            time=self.store.now(),
        )

    def can_suffer(self, fault: Fault, request: SeenRequest) -> bool:
        match fault.do:
            case Do.DECLINE:
                creates = request.path == "/v1/payment_intents" and request.params.get("confirm") == "true"
                return request.method == "POST" and (creates or CONFIRMED.match(request.path) is not None)
            case Do.REFUND_FAILS_LATER | Do.REFUND_CANCELED_LATER:
                return request.method == "POST" and request.path == "/v1/refunds"
            case _:
                return True

    def refusal(self, fault: Fault) -> Response:
        if fault.do is Do.RATE_LIMIT:
            code = fault.code or "rate_limit"
            message = "Too many requests hit the API too quickly (said the fault script)."
            if code == "lock_timeout":
                message = "This object cannot be accessed right now because another API request is accessing it."
            limited = Overloaded(message, code=code)
            return JSONResponse(limited.body(), limited.status, {"Retry-After": RETRY_AFTER_SECONDS})
        broken = Broken("An unknown error occurred (said the fault script).")
        return JSONResponse(broken.body(), broken.status)

    def _order_of(self, path: str, params: Params) -> str | None:
        sent = params.get("metadata")
        if isinstance(sent, dict) and sent.get("order_id"):
            return str(sent["order_id"])
        named = NAMED.match(path)
        object_id = named[1] if named else params.get("payment_intent") or params.get("charge")
        found = self.store.find_any(object_id) if isinstance(object_id, str) else None
        if found is not None and found["object"] != "payment_intent":
            found = self.store.find("payment_intent", found.get("payment_intent") or "") or found
        return None if found is None else (found.get("metadata") or {}).get("order_id")


def _complain(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and task.exception() is not None:
        log.critical("a part of the simulator stopped; restart it", exc_info=task.exception())
