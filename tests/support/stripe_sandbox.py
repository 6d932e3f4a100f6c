"""The Stripe simulator as a real server for tests, and an inbox for its webhooks."""

import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypeVar

import httpx2
import stripe
import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sandbox.stripe import create_app
from tests.support.apps import NO_TLS

T = TypeVar("T")

SECRET = "whsec_test"
# What a provider is told that is to tell nobody anything.
DEAF = {"drop": 1.0}
PATIENCE_SECONDS = 15.0
NO_REDIRECTS = {"enabled": True, "allow_redirects": "never"}


def wait_until(look: Callable[[], T], patience: float = PATIENCE_SECONDS) -> T:
    """Look until what is seen is truthy."""
    give_up = time.monotonic() + patience
    while True:
        seen = look()
        if seen:
            return seen
        assert time.monotonic() < give_up, "what was waited for did not come"
        threading.Event().wait(0.01)


@dataclass(frozen=True, slots=True)
class Delivery:
    body: bytes
    signature: str
    event: dict[str, Any]

    @property
    def type(self) -> str:
        return str(self.event["type"])


@dataclass(slots=True)
class Inbox:
    """A webhook endpoint; it answers with what `answers` still holds, then 200."""

    url: str
    deliveries: list[Delivery] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    before_answer: Callable[[], object] = lambda: None

    def types(self) -> list[str]:
        return [delivery.type for delivery in self.deliveries]

    def tells_of(self, object_id: str) -> bool:
        return any(delivery.event["data"]["object"]["id"] == object_id for delivery in self.deliveries)

    def wait_for(self, *types: str) -> list[Delivery]:
        wait_until(lambda: set(types) <= set(self.types()))
        return [delivery for delivery in self.deliveries if delivery.type in types]


@contextlib.contextmanager
def open_inbox() -> Iterator[Inbox]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            inbox.deliveries.append(Delivery(body, self.headers["Stripe-Signature"], json.loads(body)))
            inbox.before_answer()
            self.send_response(inbox.answers.pop(0) if inbox.answers else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    inbox = Inbox(f"http://127.0.0.1:{server.server_port}/webhooks")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield inbox
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass(frozen=True, slots=True)
class Spoken:
    method: str
    path: str
    sent: str
    status: int
    reply: bytes


@dataclass(slots=True)
class Ear:
    """One exchange being overheard. The fault layer finds the connection to drop through `say`, as under uvicorn."""

    receive: Receive
    send: Send
    sent: bytearray = field(default_factory=bytearray)
    reply: bytearray = field(default_factory=bytearray)
    status: int = 0

    @property
    def transport(self) -> Any:
        return getattr(getattr(self.send, "__self__", None), "transport", None)

    async def hear(self) -> Message:
        message = await self.receive()
        self.sent.extend(message.get("body", b""))
        return message

    async def say(self, message: Message) -> None:
        self.status = message.get("status", self.status)
        self.reply.extend(message.get("body", b""))
        await self.send(message)


class Overhearing:
    """ASGI middleware that notes what was said, for the spec to judge."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.spoken: list[Spoken] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        ear = Ear(receive, send)
        await self._app(scope, ear.hear, ear.say)
        if ear.status and scope["path"].startswith("/v1/"):
            sent = bytes(ear.sent) if scope["method"] == "POST" else scope["query_string"]
            self.spoken.append(Spoken(scope["method"], scope["path"], sent.decode(), ear.status, bytes(ear.reply)))


@dataclass(slots=True)
class Sandbox:
    """`http` is at the simulator's own address: a client for every call would read the certificates every time."""

    url: str
    spoken: list[Spoken]
    http: httpx2.Client

    def client(self, key: str = "sk_test_holdfast") -> stripe.StripeClient:
        return stripe.StripeClient(
            key,
            base_addresses={"api": self.url},
            max_network_retries=0,
            http_client=stripe.RequestsClient(timeout=10),
        )

    def script(self, **script: Any) -> None:
        self.http.put("/_sandbox/script", json=script).raise_for_status()

    def state(self, order_id: str) -> dict[str, Any]:
        payments = self.http.get("/_sandbox/state").json()["payments"]
        found: dict[str, Any] = payments.get(order_id, {})
        return found

    def requests(self) -> list[dict[str, Any]]:
        seen: list[dict[str, Any]] = self.http.get("/_sandbox/requests").json()["requests"]
        return seen

    def changes(self) -> list[dict[str, Any]]:
        """Every request but the reads: a webhook may have a payment read again at any moment."""
        return [each for each in self.requests() if each["method"] != "GET"]

    def reset(self) -> None:
        self.http.post("/_sandbox/reset").raise_for_status()

    def challenge(self, intent_id: str, outcome: str) -> httpx2.Response:
        return self.http.post(f"/_sandbox/3ds/{intent_id}", params={"outcome": outcome})

    def post(self, path: str, data: dict[str, str], **headers: str) -> httpx2.Response:
        sent = {"Authorization": "Bearer sk_test_holdfast", **headers}
        return self.http.post(path, data=data, headers=sent)


@contextlib.contextmanager
def open_sandbox(webhook_url: str | None = None, state: Path | None = None, **more: Any) -> Iterator[Sandbox]:
    app = Overhearing(create_app(webhook_url, SECRET, state=state, **more))
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, log_level="error", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    try:
        wait_until(lambda: server.started)
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        with httpx2.Client(base_url=url, timeout=10, verify=NO_TLS) as http:
            yield Sandbox(url, app.spoken, http)
    finally:
        server.should_exit = True
        thread.join()
        listening.close()
