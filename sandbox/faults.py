"""Fault scripts: how a simulator is told to misbehave, and the ASGI layer that does it.

The layer breaks the wire (`timeout_*`, `drop_*`, `error_500`, `rate_limit`); what the provider itself must do
(`slow`, `decline`, `error_500_after`, `error_500_stored`, `refund_fails_later`, `refund_canceled_later`) it hands
inward in `scope["sandbox"]`.
"""

import asyncio
import ipaddress
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase
from random import Random
from typing import Any, Protocol, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HOLD_SECONDS = 120.0
REQUESTS_KEPT = 20_000


class Do(StrEnum):
    TIMEOUT_BEFORE = "timeout_before"
    TIMEOUT_AFTER = "timeout_after"
    DROP_CONNECTION = "drop_connection"
    DROP_CONNECTION_AFTER = "drop_connection_after"
    ERROR_500 = "error_500"
    ERROR_500_AFTER = "error_500_after"
    ERROR_500_STORED = "error_500_stored"
    RATE_LIMIT = "rate_limit"
    DECLINE = "decline"
    SLOW = "slow"
    REFUND_FAILS_LATER = "refund_fails_later"
    REFUND_CANCELED_LATER = "refund_canceled_later"


class Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Fault(Frozen):
    method: str = "*"
    path: str = "*"
    times: int | None = Field(default=None, ge=1)
    probability: float = Field(default=1.0, ge=0.0, le=1.0)
    do: Do
    code: str | None = None
    ms: int | None = Field(default=None, ge=0)

    @model_validator(mode="after")
    def _carries_what_it_needs(self) -> Self:
        if self.do is Do.DECLINE and not self.code:
            raise ValueError("a decline needs a 'code', such as insufficient_funds")
        if self.do is Do.SLOW and self.ms is None:
            raise ValueError("slow needs 'ms'")
        return self

    def covers(self, request: "SeenRequest") -> bool:
        return self.method.upper() in {"*", request.method} and fnmatchcase(request.path, self.path)


class WebhookFaults(Frozen):
    duplicate: int = Field(default=1, ge=1, le=100)
    reorder: bool = False
    delay_ms: int = Field(default=0, ge=0)
    drop: float = Field(default=0.0, ge=0.0, le=1.0)


class Script(Frozen):
    """A simulator with settings of its own (Stripe: `search_lag_ms`) subclasses this."""

    seed: int = 0
    faults: tuple[Fault, ...] = ()
    webhooks: WebhookFaults = WebhookFaults()


@dataclass(slots=True)
class SeenRequest:
    method: str
    path: str
    key: str | None
    params: Mapping[str, Any]
    order_id: str | None
    time: float
    status: int | None = None
    fault: str | None = None


@dataclass(slots=True)
class Exchange:
    """What the layer hands inward as `scope["sandbox"]`: the request as read once, and the fault it drew."""

    seen: SeenRequest
    body: bytes
    fault: Fault | None

    def told_to(self, do: Do) -> Fault | None:
        return self.fault if self.fault is not None and self.fault.do is do else None


class Simulated(Protocol):
    """What a provider's simulator tells the layer about itself."""

    def parse_script(self, document: object) -> Script: ...

    def read(self, request: Request, body: bytes) -> SeenRequest: ...

    def can_suffer(self, fault: Fault, request: SeenRequest) -> bool:
        """Whether the fault makes sense here: a request that charges nothing can't be declined and uses no `times`."""

    def refusal(self, fault: Fault) -> Response:
        """The provider's own body for `error_500`, `error_500_after` and `rate_limit`."""

    def state(self) -> Mapping[str, Any]: ...

    def adopt(self, script: Script) -> None: ...

    def forget(self) -> None: ...


@dataclass(slots=True)
class Casting:
    """Decides which fault strikes. Each rule draws from its own stream, so a run depends on match order alone."""

    script: Script
    _draws: list[Random] = field(init=False)
    _hits: list[int] = field(init=False)

    def __post_init__(self) -> None:
        rules = range(len(self.script.faults))
        self._draws = [Random(f"{self.script.seed}/fault/{rule}") for rule in rules]  # noqa: S311 - replayable on purpose
        self._hits = [0 for _ in rules]

    def draw(self, request: SeenRequest, can_suffer: Callable[[Fault, SeenRequest], bool]) -> Fault | None:
        for rule, fault in enumerate(self.script.faults):
            spent = fault.times is not None and self._hits[rule] >= fault.times
            if spent or not fault.covers(request) or not can_suffer(fault, request):
                continue
            if self._draws[rule].random() < fault.probability:
                self._hits[rule] += 1
                return fault
        return None


class FaultLayer:
    """ASGI middleware: `/_sandbox/*` for loopback clients, the request log, and the faults of the wire."""

    def __init__(self, app: ASGIApp, simulated: Simulated) -> None:
        self._app = app
        self._simulated = simulated
        self._casting = Casting(simulated.parse_script({}))
        self._requests: deque[SeenRequest] = deque(maxlen=REQUESTS_KEPT)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif scope["path"].startswith("/_sandbox/"):
            await self._control(scope, receive, send)
        else:
            await self._serve(scope, receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            body = await request.body()
        except ClientDisconnect:
            return
        seen = self._simulated.read(request, body)
        self._requests.append(seen)
        fault = self._casting.draw(seen, self._simulated.can_suffer)
        seen.fault = fault.do if fault else None
        scope["sandbox"] = Exchange(seen, body, fault)
        match fault.do if fault else None:
            case Do.TIMEOUT_BEFORE:
                await _hold(receive, send)
            case Do.TIMEOUT_AFTER:
                await self._app(scope, receive, _swallow)
                await _hold(receive, send)
            case Do.DROP_CONNECTION:
                await _drop(receive, send)
            case Do.DROP_CONNECTION_AFTER:
                await self._app(scope, receive, _swallow)
                await _drop(receive, send)
            case Do.ERROR_500 | Do.RATE_LIMIT if fault:
                await self._simulated.refusal(fault)(scope, receive, _noting(seen, send))
            case _:
                await self._app(scope, receive, _noting(seen, send))

    async def _control(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not _is_loopback(scope):
            await JSONResponse({"error": "/_sandbox answers to loopback clients only"}, 403)(scope, receive, send)
            return
        request = Request(scope, receive)
        match request.method, scope["path"].removeprefix("/_sandbox/"):
            case "PUT", "script":
                reply = await self._replace_script(request)
            case "GET", "script":
                reply = JSONResponse(self._casting.script.model_dump(mode="json"))
            case "POST", "reset":
                self._requests.clear()
                self._adopt(self._simulated.parse_script({}))
                self._simulated.forget()
                reply = Response(status_code=204)
            case "GET", "requests":
                reply = JSONResponse({"requests": self._seen(request.query_params.get("order_id"))})
            case "GET", "state":
                reply = JSONResponse(self._simulated.state())
            case _:
                await self._app(scope, receive, send)
                return
        await reply(scope, receive, send)

    def _adopt(self, script: Script) -> None:
        self._casting = Casting(script)
        self._simulated.adopt(script)

    def _seen(self, order_id: str | None) -> list[dict[str, Any]]:
        return [asdict(seen) for seen in self._requests if order_id in {None, seen.order_id}]

    async def _replace_script(self, request: Request) -> Response:
        try:
            script = self._simulated.parse_script(await request.json())
        except ValidationError as refused:
            problems = [{"at": ".".join(map(str, e["loc"])), "problem": e["msg"]} for e in refused.errors()]
            return JSONResponse({"error": "the script is not valid; the old one stays", "problems": problems}, 422)
        except ValueError as refused:
            return JSONResponse({"error": f"the script is not JSON: {refused}; the old one stays"}, 422)
        self._adopt(script)
        return JSONResponse(script.model_dump(mode="json"))


def _is_loopback(scope: Scope) -> bool:
    client = scope.get("client")
    if not client:
        return False
    try:
        return ipaddress.ip_address(client[0]).is_loopback
    except ValueError:
        return False


def _noting(seen: SeenRequest, send: Send) -> Send:
    async def noted(message: Message) -> None:
        if message["type"] == "http.response.start":
            seen.status = message["status"]
        await send(message)

    return noted


async def _swallow(_: Message) -> None:
    """The answer that never left."""


async def _hold(receive: Receive, send: Send) -> None:
    try:
        async with asyncio.timeout(HOLD_SECONDS):
            while (await receive())["type"] != "http.disconnect":
                pass
    except TimeoutError:
        await _drop(receive, send)


async def _drop(receive: Receive, send: Send) -> None:
    # ASGI has no word for it: under uvicorn `send` is a method of the object that owns the connection.
    transport = getattr(getattr(send, "__self__", None), "transport", None)
    if transport is None:
        raise ConnectionResetError("the fault script dropped the connection")
    transport.abort()
    while (await receive())["type"] != "http.disconnect":
        pass
