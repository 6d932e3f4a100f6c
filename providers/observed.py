"""A payment gateway under observation: every call of the port is told to a tracer and to whoever counts."""

import time
from collections.abc import Callable
from typing import Protocol, TypeVar

from domain.errors import HoldfastError
from domain.gateway import (
    AuthorizeRequest,
    MoveRequest,
    PaymentGateway,
    PaymentOutcome,
    RefundOutcome,
    RefundRequest,
)
from domain.tracing import NoTracer, Tracer

Asked = TypeVar("Asked", bound=AuthorizeRequest | MoveRequest)
Answer = TypeVar("Answer")

# What a provider has of what it was asked for, when it has nothing.
_NOTHING = "nothing"
_FAILED = "error"


class Count(Protocol):
    def __call__(self, provider: str, operation: str, outcome: str, seconds: float) -> None:
        """`outcome` is the kind of the answer, or the code of the error."""
        ...


class ObservedGateway:
    """The port over another gateway; answers and errors go through unchanged."""

    def __init__(self, gateway: PaymentGateway, name: str, count: Count, tracer: Tracer | None = None) -> None:
        self._gateway = gateway
        self._name = name
        self._count = count
        self._tracer = tracer or NoTracer()

    def authorize(self, request: AuthorizeRequest) -> PaymentOutcome:
        return self._observed("authorize", self._gateway.authorize, request)

    def capture(self, request: MoveRequest) -> PaymentOutcome:
        return self._observed("capture", self._gateway.capture, request)

    def void(self, request: MoveRequest) -> PaymentOutcome:
        return self._observed("void", self._gateway.void, request)

    def read(self, request: MoveRequest) -> PaymentOutcome:
        return self._observed("read", self._gateway.read, request)

    def find(self, request: AuthorizeRequest) -> PaymentOutcome | None:
        return self._observed("find", self._gateway.find, request)

    def refund(self, request: RefundRequest) -> RefundOutcome:
        return self._observed("refund", self._gateway.refund, request)

    def read_refund(self, request: RefundRequest) -> RefundOutcome:
        return self._observed("read_refund", self._gateway.read_refund, request)

    def _observed(self, operation: str, call: Callable[[Asked], Answer], request: Asked) -> Answer:
        name = f"{self._name} {operation}"
        outcome, began = _FAILED, time.perf_counter()
        with self._tracer.calling(name) as span:
            try:
                answer = call(request)
                outcome = getattr(answer, "kind", _NOTHING)
            except HoldfastError as error:
                outcome = error.code
                raise
            finally:
                span.tell(name, order_id=request.order_id, outcome=outcome)
                self._count(self._name, operation, outcome, time.perf_counter() - began)
        return answer
