"""One request, or one thing that came due, at work: what it may read, change and announce."""

from dataclasses import dataclass, field

from sandbox.faults import Do, Exchange, Fault
from sandbox.stripe import shapes
from sandbox.stripe.errors import NoSuchReference, NotFound
from sandbox.stripe.forms import Params
from sandbox.stripe.script import StripeScript
from sandbox.stripe.store import Json, Object, Store

WORDS = {"payment_method": "PaymentMethod"}


@dataclass(slots=True)
class Call:
    store: Store
    script: StripeScript
    base_url: str
    params: Params = field(default_factory=dict)
    target: str = ""
    request_id: str | None = None
    key: str | None = None
    publishable: bool = False
    exchange: Exchange | None = None
    announces: bool = True
    events: list[str] = field(default_factory=list)

    @property
    def now(self) -> int:
        return int(self.store.now())

    def told_to(self, do: Do) -> Fault | None:
        return self.exchange.told_to(do) if self.exchange else None

    def named(self, kind: str) -> Object:
        """The object the path names."""
        found = self.store.find(kind, self.target)
        if found is None:
            raise NotFound(WORDS.get(kind, kind), self.target, kind if kind != "payment_intent" else "intent")
        return found

    def referred(self, kind: str, param: str) -> Object:
        """The object a parameter names."""
        object_id = self.params[param]
        found = self.store.find(kind, object_id)
        if found is None:
            raise NoSuchReference(WORDS.get(kind, kind), object_id, param)
        return found

    def later(self, after_ms: int, what: str, object_id: str) -> None:
        self.store.later(self.store.now() + after_ms / 1000, what, object_id)

    def emit(self, type_: str, body: Object, **previous: Json) -> None:
        request = {"id": self.request_id, "idempotency_key": self.key}
        event = shapes.event(type_, body, previous or None, request, self.now)
        event["pending_webhooks"] = int(self.announces)
        self.store.add(event)
        if self.announces:
            self.store.owe_delivery(event["id"])
            self.events.append(event["id"])
