"""Events as the API shows them; how many webhooks are pending is read, not stored."""

from sandbox.stripe import forms
from sandbox.stripe.call import Call
from sandbox.stripe.forms import Form
from sandbox.stripe.listing import listing
from sandbox.stripe.store import Object

RETRIEVE = Form(forms.EXPANDING)


def retrieve(call: Call) -> Object:
    return _with_pending(call, call.named("event"))


def list_(call: Call) -> Object:
    page = listing("event", "/v1/events")(call)
    page["data"] = [_with_pending(call, event) for event in page["data"]]
    return page


def _with_pending(call: Call, event: Object) -> Object:
    event["pending_webhooks"] = int(call.store.is_owed(event["id"]))
    return event
