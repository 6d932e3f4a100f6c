"""What every request passes: a request id in and out, and one access line in the log."""

import re
import time
from typing import Any

import structlog
from starlette.types import ASGIApp, Receive, Scope, Send

from api.problems import MEDIA_TYPE, body_of, unexpected
from db.ids import new_id
from domain.errors import BodyTooLarge

_REQUEST_ID = re.compile(rb"^[A-Za-z0-9._-]{1,128}$")

log = structlog.get_logger()


class RequestFrame:
    """The X-Request-Id of the caller, or one of our own, becomes the correlation id of events and workflows."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers: dict[bytes, bytes] = dict(scope["headers"])
        given = headers.get(b"x-request-id", b"")
        request_id = given.decode() if _REQUEST_ID.match(given) else new_id("req")
        scope.setdefault("state", {})["request_id"] = request_id
        answer = _Answer(send, request_id)
        started = time.perf_counter()
        try:
            await self._run(scope, receive, answer)
        finally:
            route = scope.get("route")
            log.info(
                "request",
                method=scope["method"],
                route=getattr(route, "path", None),
                status=answer.status,
                ms=round((time.perf_counter() - started) * 1000, 1),
                request_id=request_id,
            )

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
            message["headers"] = [*message.get("headers", []), (b"x-request-id", self.request_id.encode())]
        await self.send(message)


def _content_type(message: Any) -> bytes:  # noqa: ANN401 - ASGI's own type
    headers: dict[bytes, bytes] = dict(message.get("headers", []))
    return headers.get(b"content-type", b"")
