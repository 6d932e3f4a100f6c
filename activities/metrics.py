"""What a worker counts, for Prometheus. Labels are names and codes from fixed lists, never ids."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server
from sqlalchemy.exc import SQLAlchemyError

from activities.sweep import Swept
from db.figures import Figures, figures
from db.session import Database
from domain.errors import BY_CODE
from domain.incidents import IncidentKind

# In seconds: database steps take milliseconds, a provider that is slow takes as long as its client's patience.
_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 60, 300)
# What a step can end in beside the codes of domain/errors.py.
DONE, FAILED = "done", "failed"
_OUTCOMES = frozenset({DONE, "database", "cancelled", *BY_CODE})
# How old the figures may be that are read from the database.
_FIGURES_SECONDS = 15.0

log = structlog.get_logger()


class WorkerMetrics:
    """The counters of one process, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._activities = Counter(
            "holdfast_activities",
            "Runs of activities by how they ended.",
            ("activity", "outcome"),
            registry=self.registry,
        )
        self._activity_seconds = Histogram(
            "holdfast_activity_seconds",
            "How long activities ran.",
            ("activity",),
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self._calls = Counter(
            "holdfast_provider_calls",
            "Calls to payment providers by what came of them.",
            ("provider", "operation", "outcome"),
            registry=self.registry,
        )
        self._call_seconds = Histogram(
            "holdfast_provider_call_seconds",
            "How long payment providers took.",
            ("provider", "operation"),
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self._swept = Counter(
            "holdfast_sweep_findings", "What sweeps found and told.", ("finding",), registry=self.registry
        )
        self._incidents = Gauge(
            "holdfast_incidents", "Incidents in the database.", ("kind", "state"), registry=self.registry
        )

        self._withheld = Counter(
            "holdfast_mails_withheld", "Mails that were too many for their accounts.", registry=self.registry
        )
        self._unsent = Gauge("holdfast_mails_unsent", "Mails that wait to be sent.", registry=self.registry)

    def activity(self, name: str, outcome: str, seconds: float) -> None:
        self._activities.labels(name, outcome if outcome in _OUTCOMES else FAILED).inc()
        self._activity_seconds.labels(name).observe(seconds)

    def provider_call(self, provider: str, operation: str, outcome: str, seconds: float) -> None:
        self._calls.labels(provider, operation, outcome).inc()
        self._call_seconds.labels(provider, operation).observe(seconds)

    def swept(self, swept: Swept) -> None:
        found = {
            "webhooks": swept.webhooks,
            "orders_woken": swept.orders_woken,
            "refunds_woken": swept.refunds_woken,
            "commands": swept.commands,
            "lost_orders": len(swept.lost),
            "incidents": swept.reported,
        }
        for finding, count in found.items():
            self._swept.labels(finding).inc(count)

    def mails_withheld(self, count: int) -> None:
        self._withheld.inc(count)

    def figures(self, found: Figures) -> None:
        """What the database says by now; every worker says the same."""
        self._unsent.set(found.unsent_mails)
        for kind in IncidentKind:
            self._incidents.labels(kind, "open").set(found.open_incidents.get(kind, 0))
            self._incidents.labels(kind, "closed").set(found.closed_incidents.get(kind, 0))


async def keep_figures(database: Database, metrics: WorkerMetrics) -> None:
    """Read the figures every some seconds, until cancelled; those of an outage are the last ones before it."""
    while True:
        try:
            async with database.transaction() as session:
                metrics.figures(await figures(session))
        except (OSError, SQLAlchemyError) as lost:
            log.warning("figures could not be read", error=type(lost).__name__)
        await asyncio.sleep(_FIGURES_SECONDS)


@contextmanager
def metrics_served(address: str | None, metrics: WorkerMetrics) -> Iterator[None]:
    """The metrics can be read at the address (host:port), if one is given, while the block runs."""
    if address is None:
        yield
        return
    host, _, port = address.rpartition(":")
    server, _ = start_http_server(int(port), host, metrics.registry)
    try:
        yield
    finally:
        server.shutdown()
