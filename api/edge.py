"""What surrounds the routes of one deployment: who may call from a browser, how often, through which proxies."""

from dataclasses import dataclass, field

from api.limits import Limits
from api.peers import Proxies
from domain.tracing import NoTracer, Tracer


@dataclass(frozen=True, slots=True)
class Edge:
    """By default nothing is limited, no other origin may call, and no caller says where it comes from.

    `metrics_token` is what a reader of `/metrics` presents; without one nobody reads it. `mails` tells whether workers
    send any, for health.
    """

    origins: tuple[str, ...] = ()
    hsts_seconds: int = 0
    limits: Limits | None = None
    proxies: Proxies = field(default_factory=Proxies)
    metrics_token: str | None = None
    tracer: Tracer = field(default_factory=NoTracer)
    mails: bool = False
