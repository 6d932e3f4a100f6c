"""From an HTTP request to a stored answer: who asks, under which key, inside one transaction."""

import asyncio
import base64
import hashlib
import json
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from sandbox.faults import Do, Exchange, SeenRequest
from sandbox.stripe import listing
from sandbox.stripe.call import Call
from sandbox.stripe.errors import Broken, InvalidRequest, KeyConflict, KeyInUse, StripeError, Unauthenticated
from sandbox.stripe.intents import for_publishable
from sandbox.stripe.operations import Operation
from sandbox.stripe.shapes import API_VERSION
from sandbox.stripe.simulator import Simulator
from sandbox.stripe.store import Answer, new_id

LONGEST_KEY = 255


@dataclass(frozen=True, slots=True)
class Caller:
    account: str
    publishable: bool


async def serve(simulator: Simulator, operation: Operation, request: Request) -> Response:
    exchange: Exchange = request.scope["sandbox"]
    request_id = new_id("req", 14)
    try:
        caller = authenticate(request.headers.get("authorization"), operation)
        answer = await _answer(simulator, operation, request, caller, request_id)
    except StripeError as error:
        answer = _as_answer(error.status, error.body(), request_id)
    version = request.headers.get("stripe-version", API_VERSION)
    return respond(answer, request_id, exchange.seen.key, version)


def authenticate(header: str | None, operation: Operation) -> Caller:
    key = _key_in(header)
    if key is None:
        raise Unauthenticated(
            "You did not provide an API key. You need to provide your API key in the Authorization header, using Bearer"
            " auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY')."
        )
    kind, _, account = key.partition("_test_")
    if kind not in {"sk", "pk"} or not account:
        raise Unauthenticated(f"Invalid API Key provided: {key[:8]}****")
    if kind == "pk" and not operation.publishable:
        message = "This API call cannot be made with a publishable API key. Please use a secret API key."
        raise Unauthenticated(message, code="secret_key_required")
    return Caller(account, kind == "pk")


def respond(answer: Answer, request_id: str, key: str | None, version: str) -> Response:
    headers = {"Request-Id": request_id, "Stripe-Version": version}
    if key is not None:
        headers["Idempotency-Key"] = key
    if answer.request_id != request_id:
        headers |= {"Idempotent-Replayed": "true", "Original-Request": answer.request_id}
    return Response(answer.body, answer.status, headers, media_type="application/json")


async def _answer(
    simulator: Simulator, operation: Operation, request: Request, caller: Caller, request_id: str
) -> Answer:
    exchange: Exchange = request.scope["sandbox"]
    call = replace(
        simulator.open_call(str(request.base_url).rstrip("/")),
        target=request.path_params.get("id", ""),
        request_id=request_id,
        key=exchange.seen.key,
        publishable=caller.publishable,
        exchange=exchange,
    )
    if operation.method != "POST" or call.key is None:
        await _slow_down(exchange)
        return _execute(simulator, operation, call)
    _check_length(call.key)
    kept = _kept(simulator, caller, call.key, exchange)
    if kept is not None:
        told = call.told_to(Do.ERROR_500_AFTER) is not None
        return _broken(kept.request_id) if told else kept
    with simulator.in_flight(caller.account, call.key) as free:
        if not free:
            message = (
                "There is currently another in-progress request using this Idempotent Key (that probably means you"
                f" submitted twice, and the other request is still going through): {call.key}. Please try again later."
            )
            raise KeyInUse(message, code="idempotency_key_in_use")
        await _slow_down(exchange)
        return _execute(simulator, operation, call, caller)


def _kept(simulator: Simulator, caller: Caller, key: str, exchange: Exchange) -> Answer | None:
    kept = simulator.store.answer(caller.account, key)
    oldest = simulator.store.now() - simulator.script.idempotency_ttl_ms / 1000
    if kept is None or kept.stored < oldest:
        return None
    other = f"Try using a key other than '{key}' if you meant to execute a different request."
    if kept.path != exchange.seen.path:
        message = "Keys for idempotent requests can only be used for the same endpoint they were first used for"
        raise KeyConflict(f"{message} ('{kept.path}' vs '{exchange.seen.path}'). {other}")
    if kept.asked != _fingerprint(exchange.seen):
        message = "Keys for idempotent requests can only be used with the same parameters they were first used with."
        raise KeyConflict(f"{message} {other}")
    return kept


def _execute(simulator: Simulator, operation: Operation, call: Call, caller: Caller | None = None) -> Answer:
    """Run it and keep the answer in the same transaction, so that no crash can part the two.

    A refusal that is not kept leaves as an exception, which undoes whatever was begun.
    """
    store = simulator.store
    with store.transaction():
        if call.told_to(Do.ERROR_500_STORED):
            answer = _broken(call.request_id or "")
        else:
            answer = _as_answer(*_run(operation, call), call.request_id or "")
        if call.told_to(Do.ERROR_500_AFTER):
            answer = _broken(answer.request_id)
        if caller is not None and call.key is not None and call.exchange is not None:
            seen = call.exchange.seen
            kept = replace(answer, asked=_fingerprint(seen), path=seen.path, stored=store.now())
            store.keep_answer(caller.account, call.key, kept)
    simulator.after(call)
    return answer


def _run(operation: Operation, call: Call) -> tuple[int, dict[str, Any]]:
    if call.exchange is not None:
        call.params = operation.form.read(call.exchange.seen.params)
    try:
        body = operation.run(call)
    except StripeError as error:
        if not error.stored:
            raise
        if call.publishable and "payment_intent" in error.fields:
            error.fields["payment_intent"] = for_publishable(error.fields["payment_intent"])
        return error.status, error.body()
    if call.params.get("expand"):
        body = listing.expand(call.store, body, call.params["expand"])
    return HTTPStatus.OK, for_publishable(body) if call.publishable else body


def _key_in(header: str | None) -> str | None:
    scheme, _, rest = (header or "").partition(" ")
    match scheme.lower():
        case "bearer":
            return rest.strip() or None
        case "basic":
            try:
                return base64.b64decode(rest).decode().partition(":")[0] or None
            except ValueError:
                return None
        case _:
            return None


def _check_length(key: str) -> None:
    if len(key) > LONGEST_KEY:
        raise InvalidRequest(f"Idempotency keys can have up to {LONGEST_KEY} characters.")


def _fingerprint(seen: SeenRequest) -> str:
    asked = json.dumps([seen.method, seen.params], sort_keys=True)
    return hashlib.sha256(asked.encode()).hexdigest()


async def _slow_down(exchange: Exchange) -> None:
    slow = exchange.told_to(Do.SLOW)
    if slow is not None:
        await asyncio.sleep((slow.ms or 0) / 1000)


def _broken(request_id: str) -> Answer:
    error = Broken("An unknown error occurred (said the fault script).")
    return _as_answer(error.status, error.body(), request_id)


def _as_answer(status: int, body: dict[str, Any], request_id: str) -> Answer:
    text = json.dumps(body, separators=(",", ":")).encode()
    return Answer(asked="", path="", status=int(status), body=text, request_id=request_id, stored=0.0)
