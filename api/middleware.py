"""What every request passes: a request id in and out, one access line in the log, its metrics and its span."""

import re
import time
from typing import Any

import structlog
from starlette.types import ASGIApp, Receive, Scope, Send

from api.metrics import Metrics
from api.peers import Proxies
from api.problems import MEDIA_TYPE, body_of, unexpected
from db.ids import new_id
from domain.errors import BodyTooLarge, MethodNotAllowed
from domain.tracing import NoTracer, Span, Tracer

_REQUEST_ID = re.compile(rb"^[A-Za-z0-9._-]{1,128}$")
_ORDER = re.compile(r"^(?:/v1/orders/)?(ord_[0-7][0-9a-hjkmnp-tv-z]{25})$")
# W3C Trace Context: the trace that a caller goes on with here.
_TRACE_HEADERS = (b"traceparent", b"tracestate")

log = structlog.get_logger()


class RequestFrame:
    """The X-Request-Id of the caller, or one of our own, becomes the correlation id of events and workflows."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        metrics: Metrics | None = None,
        tracer: Tracer | None = None,
        proxies: Proxies | None = None,
    ) -> None:
        """A caller's trace is gone on with when the call came through one of our `proxies`."""
        self.app = app
        self._metrics = metrics
        self._tracer = tracer or NoTracer()
        self._proxies = proxies or Proxies()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers: dict[bytes, bytes] = dict(scope["headers"])
        given = headers.get(b"x-request-id", b"")
        request_id = given.decode() if _REQUEST_ID.match(given) else new_id("req")
        scope.setdefault("state", {})["request_id"] = request_id
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        answer = _Answer(send, request_id)
        carrier = {name.decode(): headers[name].decode("latin-1") for name in _TRACE_HEADERS if name in headers}
        with self._tracer.entered(carrier if self._proxies.forwarded(scope) else {}) as span:
            started = time.perf_counter()
            try:
                await self._run(scope, receive, answer)
            finally:
                self._tell(scope, answer, span, time.perf_counter() - started)

    def _tell(self, scope: Scope, answer: "_Answer", span: Span, seconds: float) -> None:
        """The log, the metrics and the span know a request by its route: its address holds ids, and perhaps more."""
        method, route = scope["method"], _route(scope)
        order = _order(scope, answer)
        about = {"order_id": order} if order else {}
        traced = {"trace_id": span.trace_id} if span.trace_id else {}
        told = {"method": method, "route": route, "status": answer.status, "ms": round(seconds * 1000, 1)}
        log.info("request", **told, **about, **traced)
        # Nobody is answered whose connection was lost before: 499, as proxies call it.
        status = answer.status or 499
        # A method that the route does not take is whatever the caller made up.
        name = f"{method} {route}" if route and status != MethodNotAllowed.status else "request"
        span.tell(name, status=status, request_id=answer.request_id, **about)
        if self._metrics is not None:
            self._metrics.request(method, route, status, seconds, replayed=answer.replayed)

    async def _run(self, scope: Scope, receive: Receive, answer: "_Answer") -> None:
        try:
            await self.app(scope, receive, answer)
        except Exception as error:  # noqa: BLE001 - the last frame: nothing above may print what a person sent
            if answer.status != BodyTooLarge.status:
                body = unexpected(error, answer.request_id)
                if answer.status is None:
                    await answer.problem(500, body)


class _Answer:
    """Adds the request id to the answer and remembers its status."""

    def __init__(self, send: Send, request_id: str) -> None:
        self.send = send
        self.request_id = request_id
        self.status: int | None = None
        self.location = ""
        self.replayed = False
        self._replaced = False

    async def problem(self, status: int, body: bytes) -> None:
        headers = [(b"content-type", MEDIA_TYPE.encode()), (b"content-length", str(len(body)).encode())]
        await self({"type": "http.response.start", "status": status, "headers": headers})
        await self({"type": "http.response.body", "body": body})

    async def __call__(self, message: Any) -> None:  # noqa: ANN401 - ASGI's own type
        if self._replaced:
            return
        if message["type"] == "http.response.start":
            self.status = message["status"]
            if self.status == BodyTooLarge.status and _content_type(message) != MEDIA_TYPE.encode():
                # The limiter below answers in plain text.
                await self.problem(self.status, body_of(BodyTooLarge(), self.request_id))
                self._replaced = True
                return
            headers: dict[bytes, bytes] = dict(message.get("headers", []))
            self.location = headers.get(b"location", b"").decode("latin-1")
            self.replayed = b"idempotency-replayed" in headers
            message["headers"] = [*message.get("headers", []), (b"x-request-id", self.request_id.encode())]
        await self.send(message)


def _content_type(message: Any) -> bytes:  # noqa: ANN401 - ASGI's own type
    headers: dict[bytes, bytes] = dict(message.get("headers", []))
    return headers.get(b"content-type", b"")


def _route(scope: Scope) -> str | None:
    """The template of the address; None when it is none of ours."""
    return getattr(scope.get("route"), "path_format", None) or None


def _order(scope: Scope, answer: _Answer) -> str | None:
    """The order that was named or made, if that is what an order's id looks like."""
    named = _ORDER.match(str(scope.get("path_params", {}).get("order_id", ""))) or _ORDER.match(answer.location)
    return named[1] if named else None
