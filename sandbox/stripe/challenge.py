"""The 3-D Secure challenge that a card's holder passes or fails.

`GET /_sandbox/3ds/{intent}` shows a person two buttons; `GET` or `POST` with `?outcome=succeed` or `?outcome=fail`
decides at once: back to the intent's `return_url` if it has one, else a JSON note of its status.
"""

from html import escape
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from sandbox.stripe import charging
from sandbox.stripe.call import Call
from sandbox.stripe.errors import CardError
from sandbox.stripe.simulator import Simulator
from sandbox.stripe.store import Object

PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>3-D Secure (sandbox)</title>
<style>body{{font:16px system-ui;max-width:28rem;margin:4rem auto}}button{{font:inherit;padding:.6rem 1rem}}</style>
<h1>Your bank asks</h1><p>Do you pay {amount} to the sandbox merchant?</p>
<form method="post"><button name="outcome" value="succeed" formaction="?outcome=succeed">Complete</button>
<button name="outcome" value="fail" formaction="?outcome=fail">Fail</button></form></html>"""


async def challenge(simulator: Simulator, request: Request) -> Response:
    intent = simulator.store.find("payment_intent", request.path_params["id"])
    if intent is None:
        return JSONResponse({"error": "no such payment intent"}, 404)
    if intent["status"] != "requires_action":
        return JSONResponse({"error": f"the intent awaits no challenge: its status is {intent['status']}"}, 409)
    match request.query_params.get("outcome"):
        case None:
            return HTMLResponse(PAGE.format(amount=escape(f"{intent['amount']} {intent['currency']}")))
        case "succeed" | "fail" as outcome:
            return _decide(simulator, intent, passed=outcome == "succeed")
        case other:
            return JSONResponse({"error": f"outcome is succeed or fail, not {other}"}, 422)


def _decide(simulator: Simulator, intent: Object, *, passed: bool) -> Response:
    call = simulator.open_call()
    with simulator.store.transaction():
        intent = _finish(call, intent, passed=passed)
    simulator.after(call)
    return_url = simulator.store.hidden(intent["id"]).get("return_url")
    if not return_url:
        return JSONResponse({"id": intent["id"], "status": intent["status"]})
    query = urlencode(
        {
            "payment_intent": intent["id"],
            "payment_intent_client_secret": intent["client_secret"],
            "redirect_status": "failed" if intent["status"] == "requires_payment_method" else "succeeded",
        }
    )
    return RedirectResponse(f"{return_url}{'&' if '?' in return_url else '?'}{query}", 303)


def _finish(call: Call, intent: Object, *, passed: bool) -> Object:
    method = call.store.find("payment_method", intent["payment_method"])
    if method is None:
        raise LookupError(intent["payment_method"])
    intent["next_action"] = None
    if not passed:
        return charging.fail_challenge(call, intent, method)
    if intent["confirmation_method"] == "manual":
        return charging.await_confirmation(call, intent, method)
    try:
        return charging.attempt(call, intent, method, authenticated=True)
    except CardError:
        # Authenticated and then declined: the intent says so, the holder is just sent back.
        return intent
