"""What the API counts, for Prometheus. Labels are route templates, codes and names from fixed lists, never ids."""

import json
from collections.abc import Awaitable, Callable, Iterator
from typing import Annotated

from fastapi import Depends, Request, Response
from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy.pool import AsyncAdaptedQueuePool

from db.session import Database
from domain.errors import HoldfastError

# In seconds: reads take milliseconds, an order a tenth of a second, and nothing longer than the answer's budget.
_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})
_UNMATCHED = "unmatched"
_ACCEPTED = 202
# The database was away, or the fault is ours.
_FAILED = "failed"


class Metrics:
    """The counters of one app, in a registry of their own."""

    def __init__(self, database: Callable[[], Database]) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "holdfast_http_requests", "Requests by route.", ("method", "route", "status"), registry=self.registry
        )
        self._seconds = Histogram(
            "holdfast_http_request_seconds",
            "How long requests took.",
            ("method", "route"),
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self._replays = Counter(
            "holdfast_idempotent_replays", "Repeats that got their first answer.", ("route",), registry=self.registry
        )
        self._limited = Counter(
            "holdfast_rate_limited", "Requests that were too many.", ("quota",), registry=self.registry
        )
        self._placed = Counter(
            "holdfast_orders_placed",
            "Calls that place an order, but for replays, by the payment's status, `accepted`, or the refusal's code.",
            ("outcome",),
            registry=self.registry,
        )
        self.registry.register(_Pool(database))

    def request(self, method: str, route: str | None, status: int, seconds: float, *, replayed: bool) -> None:
        method, route = method if method in _METHODS else "other", route or _UNMATCHED
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(method, route).observe(seconds)
        if replayed:
            self._replays.labels(route).inc()

    def limited(self, quota: str) -> None:
        self._limited.labels(quota).inc()

    async def placing(self, call: Awaitable[Response]) -> Response:
        """The call's answer; how it placed an order, or did not, is counted."""
        try:
            answer = await call
        except Exception as error:
            self._placed.labels(error.code if isinstance(error, HoldfastError) else _FAILED).inc()
            raise
        if "Idempotency-Replayed" not in answer.headers:
            self._placed.labels(_outcome(answer)).inc()
        return answer


class _Pool(Collector):
    """The database's connections, as they are when somebody looks."""

    def __init__(self, database: Callable[[], Database]) -> None:
        self._database = database

    def collect(self) -> Iterator[GaugeMetricFamily]:
        pool = self._database().engine.pool
        assert isinstance(pool, AsyncAdaptedQueuePool)
        connections = GaugeMetricFamily("holdfast_database_connections", "Connections of the pool.", labels=("state",))
        connections.add_metric(("in_use",), pool.checkedout())
        connections.add_metric(("idle",), pool.checkedin())
        connections.add_metric(("at_most",), pool.size())
        yield connections


def _outcome(answer: Response) -> str:
    told = json.loads(bytes(answer.body))
    if answer.status_code == _ACCEPTED:
        return "accepted"
    return str(told.get("code") or told["payment_status"])


def metrics(request: Request) -> Metrics:
    held: Metrics = request.app.state.metrics
    return held


Measured = Annotated[Metrics, Depends(metrics)]
