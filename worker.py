"""Composition root of the workers: joins workflows, activities, database and providers, and runs them."""

import asyncio
import gc
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from temporalio.client import Client
from temporalio.common import WorkerDeploymentVersion
from temporalio.worker import PollerBehaviorAutoscaling, Worker, WorkerDeploymentConfig
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from activities.attempts import AttemptActivities
from activities.audit import AuditActivities
from activities.cancellation import CancellationActivities
from activities.crash_points import CrashPoint
from activities.failures import DomainErrors
from activities.fulfilment import FulfilmentActivities
from activities.heartbeats import Heartbeats
from activities.letters import Letters
from activities.mails import MailActivities
from activities.metrics import WorkerMetrics, keep_figures, metrics_served
from activities.observing import Observing
from activities.orders import OrderActivities
from activities.parts import PartActivities
from activities.payments import PaymentActivities
from activities.refunds import RefundActivities
from activities.repair import RepairActivities
from activities.sweep import SweepActivities
from db.session import Database
from domain.gateway import PaymentGateway
from domain.tracing import Tracer
from providers.observed import ObservedGateway
from providers.smtp import Server, SmtpPost, Tls
from providers.stripe import NAME as STRIPE
from providers.stripe.gateway import StripeGateway
from settings import Settings
from workflows.audit import AuditWorkflow
from workflows.connecting import connect
from workflows.mails import MailWorkflow
from workflows.names import AUDIT, MAILS, ORDERS, REPAIR, SWEEP, provider_queue
from workflows.order import OrderWorkflow
from workflows.refund import RefundWorkflow
from workflows.roll import TemporalRoll
from workflows.schedules import ensure_schedules
from workflows.sweep import SweepWorkflow
from workflows.waking import TemporalWaker

if TYPE_CHECKING:
    from providers.tracing import OpenTelemetry

Step = Callable[..., Any]

WORKFLOWS = [OrderWorkflow, RefundWorkflow, SweepWorkflow, AuditWorkflow, MailWorkflow]

# What runs, as Temporal shows it. Left to itself the SDK hashes every module that is loaded: three seconds of CPU.
RELEASE = WorkerDeploymentConfig(
    version=WorkerDeploymentVersion("holdfast", version("holdfast")), use_worker_versioning=False
)
# How many provider calls one worker process makes at once; they block, so each has a thread.
PROVIDER_THREADS = 64
# Above the longest provider call, so that a stopping worker lets every call be answered.
GRACE = timedelta(seconds=25)
# After a worker was killed its workflows wait this long for it before another takes them.
STICKY_TIMEOUT = timedelta(seconds=3)
# How long heartbeats may be held back: below a third of what they are waited for.
THROTTLE = timedelta(seconds=3)
# Spans are made from within workflows, by modules that must be the same ones as outside.
SANDBOX = SandboxedWorkflowRunner(restrictions=SandboxRestrictions.default.with_passthrough_modules("opentelemetry"))


def tracing(settings: Settings, service: str) -> "OpenTelemetry | None":
    """What traces, when a collector is named."""
    if settings.otlp_endpoint is None:
        return None
    # The extra `tracing` is one that a deployment goes without.
    from providers.tracing import to_collector  # noqa: PLC0415

    return to_collector(settings.otel_service_name or service)


def crash_points(settings: Settings) -> list[CrashPoint]:
    """None, unless a proof suite names one."""
    if settings.crash_point is None:
        return []
    assert settings.crash_mark is not None, "HOLDFAST_CRASH_MARK is not set"
    return [CrashPoint(settings.crash_point, settings.crash_mark)]


def gateways(settings: Settings, metrics: WorkerMetrics, tracer: Tracer | None) -> Mapping[str, PaymentGateway]:
    """The configured payment providers, by name."""
    assert settings.stripe_api_key is not None, "HOLDFAST_STRIPE_API_KEY is not set"
    stripe = StripeGateway(
        settings.stripe_api_key.get_secret_value(),
        api_base=settings.stripe_api_base,
        timeout=(settings.stripe_connect_timeout, settings.stripe_read_timeout),
    )
    return {STRIPE: ObservedGateway(stripe, STRIPE, metrics.provider_call, tracer)}


def mailing(settings: Settings, database: Database) -> MailActivities | None:
    """None without a mail server: then nobody is told anything by mail."""
    if settings.smtp_host is None:
        return None
    assert settings.mail_from is not None, "HOLDFAST_MAIL_FROM is not set"
    password = settings.smtp_password
    server = Server(
        settings.smtp_host,
        settings.smtp_port,
        Tls(settings.smtp_tls),
        settings.smtp_username,
        None if password is None else password.get_secret_value(),
        settings.smtp_timeout,
    )
    post = SmtpPost(server, sender=settings.mail_from, name=settings.shop_name)
    letters = Letters(shop=settings.shop_name, domain=post.domain, locale=settings.mail_locale)
    return MailActivities(database, post, letters)


def orders_worker(
    client: Client, database: Database, *, more_workflows: Sequence[type] = (), more_steps: Sequence[Step] = ()
) -> Worker:
    """Workflows and their database steps, which run as local activities beside them."""
    orders, attempts, refunds = OrderActivities(database), AttemptActivities(database), RefundActivities(database)
    fulfilment, cancellation = FulfilmentActivities(database), CancellationActivities(database)
    return Worker(
        client,
        task_queue=ORDERS,
        workflows=[*WORKFLOWS, *more_workflows],
        activities=[
            orders.place,
            orders.complete,
            attempts.open,
            attempts.record,
            fulfilment.begin_shipment,
            fulfilment.ship,
            fulfilment.deliver,
            PartActivities(database).call_off,
            cancellation.begin,
            cancellation.record_void,
            cancellation.finish,
            refunds.record,
            *more_steps,
        ],
        interceptors=[DomainErrors()],
        deployment_config=RELEASE,
        workflow_runner=SANDBOX,
        no_remote_activities=True,
        # A connection for every step, and twice as many tasks as steps. What waits for a step in here runs out of time
        # when there are many more; what waits in the server's queue has no limit, but is overtaken by newcomers.
        max_concurrent_local_activities=database.pool_size,
        max_concurrent_workflow_tasks=2 * database.pool_size,
        workflow_task_poller_behavior=PollerBehaviorAutoscaling(),
        sticky_queue_schedule_to_start_timeout=STICKY_TIMEOUT,
        graceful_shutdown_timeout=GRACE,
    )


def provider_worker(
    client: Client, providers: Mapping[str, PaymentGateway], name: str, *, more: Sequence[Step] = ()
) -> Worker:
    """Calls to one payment provider, on its own queue."""
    payments = PaymentActivities(providers)
    return Worker(
        client,
        task_queue=provider_queue(name),
        activities=[
            payments.authorize,
            payments.capture,
            payments.void,
            payments.read,
            payments.refund,
            payments.read_refund,
            *more,
        ],
        activity_executor=ThreadPoolExecutor(PROVIDER_THREADS, thread_name_prefix=name),
        max_concurrent_activities=PROVIDER_THREADS,
        interceptors=[DomainErrors()],
        deployment_config=RELEASE,
        activity_task_poller_behavior=PollerBehaviorAutoscaling(),
        graceful_shutdown_timeout=GRACE,
    )


def sweep_worker(client: Client, database: Database) -> Worker:
    """The sweep's looks; its workflow runs among the others."""
    sweep = SweepActivities(database, TemporalWaker(client))
    return _looking(client, SWEEP, [sweep.orders])


def audit_worker(client: Client, database: Database) -> Worker:
    """The audit's looks, which may take minutes; its workflow runs among the others."""
    audit = AuditActivities(database, TemporalRoll(client))
    return _looking(client, AUDIT, [audit.books, audit.roll])


def mail_worker(client: Client, posting: MailActivities) -> Worker:
    """Mails; their workflow runs among the others."""
    return _looking(client, MAILS, [posting.collect, posting.send])


def _looking(client: Client, queue: str, looks: Sequence[Step]) -> Worker:
    """One look at a time."""
    return Worker(
        client,
        task_queue=queue,
        activities=looks,
        max_concurrent_activities=1,
        interceptors=[DomainErrors(), Heartbeats()],
        deployment_config=RELEASE,
        # By default the SDK holds heartbeats back until there are two seconds left.
        max_heartbeat_throttle_interval=THROTTLE,
    )


def repair_worker(client: Client, database: Database) -> Worker:
    """Writes down what people did by hand, beside the orders' own steps."""
    repair = RepairActivities(database)
    return Worker(
        client,
        task_queue=REPAIR,
        activities=[repair.record_hold, repair.report],
        interceptors=[DomainErrors()],
        deployment_config=RELEASE,
    )


def all_workers(
    client: Client,
    database: Database,
    providers: Mapping[str, PaymentGateway],
    posting: MailActivities | None = None,
) -> list[Worker]:
    """Everything that a deployment of one process runs."""
    return [
        orders_worker(client, database),
        repair_worker(client, database),
        sweep_worker(client, database),
        audit_worker(client, database),
        *([] if posting is None else [mail_worker(client, posting)]),
        *(provider_worker(client, providers, name) for name in providers),
    ]


def settle_heap() -> None:
    """Keep what is loaded by now out of garbage collection, and let that run less often.

    A seventh of a worker's CPU went into looking through modules and mappings which never become garbage.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


async def run(settings: Settings, stop: asyncio.Event, on_ready: Callable[[], None]) -> None:
    """Work until `stop` is set; `on_ready` is called once the workers poll."""
    database = Database(settings.database_url.get_secret_value(), pool_size=settings.database_pool_size)
    metrics, traces = WorkerMetrics(), tracing(settings, "holdfast-worker")
    interceptors = [*([] if traces is None else [traces.interceptor]), Observing(metrics), *crash_points(settings)]
    client = await connect(interceptors, metrics_address=settings.temporal_metrics_address)
    posting = mailing(settings, database)
    if posting is not None:
        await posting.begin()
    await ensure_schedules(client, mails=posting is not None)
    workers = all_workers(client, database, gateways(settings, metrics, traces), posting)
    settle_heap()
    try:
        with metrics_served(settings.worker_metrics_address, metrics):
            async with asyncio.TaskGroup() as group:
                running = [group.create_task(worker.run()) for worker in workers]
                figures = group.create_task(keep_figures(database, metrics))
                on_ready()
                await stop.wait()
                figures.cancel()
                await asyncio.gather(*(worker.shutdown() for worker in workers))
                await asyncio.gather(*running)
    finally:
        await database.close()
        if traces is not None:
            await asyncio.to_thread(traces.close)
