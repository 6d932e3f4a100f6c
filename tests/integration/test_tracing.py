"""One trace from the call to the API through the workflow and its activities to the provider."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass

import pytest_asyncio
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from api.edge import Edge
from db.session import Database
from providers.observed import ObservedGateway
from providers.tracing import Discreet, OpenTelemetry
from sandbox.ready import Temporal
from tests.support.arena import ADDRESS, Arena, eventually, same
from tests.support.opening import free_listener, open_arena
from tests.support.stripe_sandbox import open_sandbox

PLACING = "POST /v1/orders"
AT_PROVIDER = "stripe authorize"


@dataclass
class Traced:
    arena: Arena
    exported: InMemorySpanExporter

    def named(self, name: str) -> list[ReadableSpan]:
        return [span for span in self.exported.get_finished_spans() if span.name == name]

    def ancestors(self, span: ReadableSpan) -> list[str]:
        """The names of the spans that the span is within, from the inside out."""
        known = {each.context.span_id: each for each in self.exported.get_finished_spans() if each.context}
        names = []
        while span.parent is not None and span.parent.span_id in known:
            span = known[span.parent.span_id]
            names.append(span.name)
        return names


@pytest_asyncio.fixture
async def traced(database: Database, temporal: Temporal) -> AsyncIterator[Traced]:
    exported = InMemorySpanExporter()
    tracer = OpenTelemetry(SimpleSpanProcessor(Discreet(exported)), "holdfast-test")

    def uncounted(provider: str, operation: str, outcome: str, seconds: float) -> None:
        pass

    with open_sandbox(None) as stripe:
        async with open_arena(
            database,
            temporal,
            stripe,
            free_listener(),
            edge=Edge(tracer=tracer),
            interceptors=[tracer.interceptor],
            observe=lambda gateway: ObservedGateway(gateway, "stripe", uncounted, tracer),
        ) as arena:
            yield Traced(arena, exported)


def traces(spans: Iterable[ReadableSpan]) -> set[int]:
    return {span.context.trace_id for span in spans if span.context is not None}


async def test_an_order_is_one_trace_through_all_layers(traced: Traced) -> None:
    placed = await traced.arena.place(await traced.arena.product())

    assert placed.status_code == 201, placed.text
    # A span is exported when it has ended, the request's own after its answer.
    await eventually(lambda: traced.named(PLACING))
    names = ("RunWorkflow:OrderWorkflow", "RunActivity:orders.place", "RunActivity:payments.authorize", AT_PROVIDER)
    layers = [span for name in (PLACING, *names) for span in traced.named(name)]
    assert [span.name for span in layers] == [PLACING, *names]
    assert len(traces(layers)) == 1
    assert traced.ancestors(layers[-1]) == [
        "RunActivity:payments.authorize",
        "StartActivity:payments.authorize",
        "StartUpdateWithStartWorkflow:OrderWorkflow",
        PLACING,
    ]
    assert (layers[0].attributes or {})["holdfast.order_id"] == placed.json()["id"]


async def test_repeats_and_commands_work_as_without_traces(traced: Traced) -> None:
    product = await traced.arena.product()

    first, twin = await asyncio.gather(*(traced.arena.place(product, key="twins", capture="manual") for _ in range(2)))
    again = await traced.arena.place(product, key="twins", capture="manual")
    cancelled = await traced.arena.insist(first.json(), "cancel")

    assert first.status_code == 201, first.text
    assert same(first, twin)
    assert same(first, again)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "cancelled")
    assert (await traced.arena.truth(first.json()["id"]))["intents"] == 1


async def test_no_span_tells_of_a_person(traced: Traced) -> None:
    await traced.arena.place(await traced.arena.product(), notes="ring twice at the green door")
    await traced.arena.place(await traced.arena.product(), card="pm_card_chargeDeclined")
    await eventually(lambda: len(traced.named(PLACING)) == 2)

    told = " ".join(span.to_json() for span in traced.exported.get_finished_spans())

    assert AT_PROVIDER in told
    for personal in (ADDRESS["name"], ADDRESS["line1"], ADDRESS["postal_code"], "green door", "client_secret"):
        assert personal not in told
