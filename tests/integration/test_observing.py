"""What a worker and the API count while orders go through."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
import pytest_asyncio
from prometheus_client import generate_latest

from activities.metrics import WorkerMetrics
from activities.observing import Observing
from activities.sweep import Swept
from api.edge import Edge
from db import incidents
from db.figures import figures
from db.ids import new_id
from db.session import Database
from domain.incidents import IncidentKind
from domain.orders import Role
from providers.observed import ObservedGateway
from sandbox.ready import Temporal
from tests.support.arena import Arena, eventually
from tests.support.opening import free_listener, open_arena
from tests.support.stripe_sandbox import open_sandbox
from workflows import names
from workflows.policies import TASK_TIMEOUT
from workflows.sweep import SweepWorkflow

TOKEN = {"Authorization": "Bearer a reader's own token"}


@pytest.fixture
def counted() -> WorkerMetrics:
    return WorkerMetrics()


@pytest_asyncio.fixture
async def observed(database: Database, temporal: Temporal, counted: WorkerMetrics) -> AsyncIterator[Arena]:
    with open_sandbox(None) as stripe:
        async with open_arena(
            database,
            temporal,
            stripe,
            free_listener(),
            edge=Edge(metrics_token="a reader's own token"),
            interceptors=[Observing(counted)],
            observe=lambda gateway: ObservedGateway(gateway, "stripe", counted.provider_call),
        ) as arena:
            yield arena


def read(counted: WorkerMetrics) -> str:
    return generate_latest(counted.registry).decode()


async def test_activities_and_provider_calls_are_counted_by_name_and_outcome(
    observed: Arena, counted: WorkerMetrics
) -> None:
    product = await observed.product(on_hand=2)
    order = (await observed.place(product)).json()["id"]
    await observed.place(product, card="pm_card_chargeDeclined")
    await observed.place(product, quantity=50)
    await eventually(
        lambda: 'holdfast_activities_total{activity="orders.place",outcome="out_of_stock"} 1.0' in read(counted)
    )

    seen = read(counted)

    assert 'holdfast_activities_total{activity="orders.place",outcome="done"} 2.0' in seen
    assert 'holdfast_activity_seconds_count{activity="payments.authorize"} 2.0' in seen
    assert 'holdfast_provider_calls_total{operation="authorize",outcome="captured",provider="stripe"} 1.0' in seen
    assert 'holdfast_provider_calls_total{operation="authorize",outcome="declined",provider="stripe"} 1.0' in seen
    assert order not in seen


async def test_placed_orders_are_counted_by_outcome_and_replays_apart(observed: Arena) -> None:
    product = await observed.product(on_hand=3)
    for _ in range(2):
        await observed.place(product, key="again")
    await observed.place(product, quantity=50)
    await observed.place(product, card="pm_card_authenticationRequired")

    seen = (await observed.http.get("/metrics", headers=TOKEN)).text

    assert 'holdfast_orders_placed_total{outcome="completed"} 1.0' in seen
    assert 'holdfast_orders_placed_total{outcome="out_of_stock"} 1.0' in seen
    assert 'holdfast_orders_placed_total{outcome="requires_action"} 1.0' in seen
    assert 'holdfast_idempotent_replays_total{route="/v1/orders"} 1.0' in seen
    assert 'holdfast_http_requests_total{method="POST",route="/v1/orders",status="201"} 3.0' in seen


async def test_sweeps_tell_what_they_found(observed: Arena, counted: WorkerMetrics) -> None:
    swept: Swept = await observed.temporal.execute_workflow(
        SweepWorkflow.run, id=f"{names.SWEEP_ORDERS}/test", task_queue=names.ORDERS, task_timeout=TASK_TIMEOUT
    )

    assert swept.reported == 0
    seen = read(counted)
    for finding in ("webhooks", "orders_woken", "refunds_woken", "commands", "lost_orders", "incidents"):
        assert f'holdfast_sweep_findings_total{{finding="{finding}"}} 0.0' in seen


async def test_incidents_are_figures_by_kind(observed: Arena, counted: WorkerMetrics) -> None:
    async with observed.database.transaction() as session:
        for _ in range(2):
            await incidents.report(session, IncidentKind.REFUND_FAILED, new_id("ref"), datetime.now(UTC))
    closed = (await observed.get("/v1/incidents", Role.ADMIN))["data"][0]["id"]
    await observed.post(f"/v1/incidents/{closed}/close", {"note": "done"}, Role.ADMIN)
    async with observed.database.transaction() as session:
        counted.figures(await figures(session))

    seen = read(counted)

    assert 'holdfast_incidents{kind="refund_failed",state="open"} 1.0' in seen
    assert 'holdfast_incidents{kind="refund_failed",state="closed"} 1.0' in seen
    assert 'holdfast_incidents{kind="payment_unknown",state="open"} 0.0' in seen
