"""Spans of requests and calls, without what was said in them."""

from ipaddress import ip_network

import pytest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from api.edge import Edge
from api.peers import Proxies
from domain.errors import ProviderUnreachable
from domain.gateway import MoveRequest, PaymentOutcome
from providers.observed import ObservedGateway
from providers.stripe.gateway import StripeGateway
from providers.tracing import Discreet, OpenTelemetry
from tests.support.bare_api import NOWHERE, bare_api

MARK = "Zzyzx"
TRACE, ORDER = "4bf92f3577b34da6a3ce929d0e0e4736", "ord_01h455vb4pex5vsknk084sn02q"
CALLER = {"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}


@pytest.fixture
def exported() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def tracer(exported: InMemorySpanExporter) -> OpenTelemetry:
    return OpenTelemetry(SimpleSpanProcessor(Discreet(exported)), "holdfast-test")


async def test_a_request_is_a_span_by_its_route_and_names_its_order(
    tracer: OpenTelemetry, exported: InMemorySpanExporter
) -> None:
    async with bare_api(Edge(tracer=tracer)) as http:
        await http.get(f"/v1/orders/{ORDER}?q={MARK}", headers={"X-Request-Id": "one"})

    (span,) = exported.get_finished_spans()
    assert span.name == "GET /v1/orders/{order_id}"
    assert dict(span.attributes or {}) == {
        "holdfast.status": 422,
        "holdfast.request_id": "one",
        "holdfast.order_id": ORDER,
    }
    assert MARK not in span.to_json()


@pytest.mark.parametrize("trusted", [True, False])
async def test_a_caller_s_trace_is_gone_on_with_if_our_proxy_let_it_through(
    tracer: OpenTelemetry, exported: InMemorySpanExporter, trusted: bool
) -> None:
    proxies = Proxies([ip_network("203.0.113.0/24")] if trusted else [])
    async with bare_api(Edge(tracer=tracer, proxies=proxies)) as http:
        await http.get("/health/live", headers=CALLER)

    (span,) = exported.get_finished_spans()
    assert (f"{span.context.trace_id:032x}" == TRACE) == trusted


def test_of_an_error_only_its_class_is_exported(tracer: OpenTelemetry, exported: InMemorySpanExporter) -> None:
    with pytest.raises(ValueError, match=MARK), tracer.calling("somebody"):
        raise ValueError(f"what {MARK} said")

    (span,) = exported.get_finished_spans()
    assert [dict(event.attributes or {}) for event in span.events] == [{"exception.type": "ValueError"}]
    assert not span.status.is_ok
    assert MARK not in span.to_json()


def test_a_call_to_a_provider_is_told_and_counted_by_its_outcome(
    tracer: OpenTelemetry, exported: InMemorySpanExporter
) -> None:
    counted: list[tuple[str, str, str]] = []

    def count(provider: str, operation: str, outcome: str, seconds: float) -> None:
        assert seconds >= 0
        counted.append((provider, operation, outcome))

    stripe = StripeGateway("sk_test_nobody", api_base=f"http://{NOWHERE}", timeout=(1.0, 1.0))
    gateway = ObservedGateway(stripe, "stripe", count, tracer)

    with pytest.raises(ProviderUnreachable):
        _read(gateway)

    assert counted == [("stripe", "read", "provider_unreachable")]
    (span,) = exported.get_finished_spans()
    assert span.name == "stripe read"
    assert dict(span.attributes or {}) == {"holdfast.order_id": ORDER, "holdfast.outcome": "provider_unreachable"}
    assert "pi_1" not in span.to_json()


def _read(gateway: ObservedGateway) -> PaymentOutcome:
    return gateway.read(
        MoveRequest(
            provider="stripe",
            key=f"{ORDER}:read",
            order_id=ORDER,
            reference="pi_1",
            amount=100,
            payment_amount=100,
            currency="USD",
        )
    )
