"""What the doctor looks at, part by part: what was seen, and how it is mended. Secrets are not shown."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client
from temporalio.service import RPCError

from api.checks import POLLED
from cli.database import opened
from cli.settled import problem_of
from db.condition import Condition, DatabaseUnreadable, condition
from domain.errors import HoldfastError
from domain.values import Value
from providers.stripe import NAME as STRIPE
from providers.stripe.statement import StripeStatement
from settings import Settings
from workflows import names
from workflows.connecting import connect

_OLDEST_POSTGRES = 15
_SHORTEST_SECRET = 32
_CLOCKS_APART = timedelta(seconds=2)
_SWEPT_WITHIN = timedelta(minutes=3)
_QUEUES = (names.ORDERS, names.REPAIR, names.SWEEP, names.AUDIT, names.provider_queue(STRIPE))


class State(StrEnum):
    RIGHT = "right"
    DOUBTFUL = "doubtful"
    WRONG = "wrong"


class Found(Value):
    what: str
    state: State
    seen: str
    mend: str = ""


async def everything() -> list[Found]:
    """All that can be looked at; what depends on what is wrong already is left out."""
    problem = problem_of(Settings)
    if problem is not None:
        mend = "The README and docs/operations.md list the settings."
        return [Found(what="settings", state=State.WRONG, seen=problem, mend=mend)]
    told = Settings()
    found = list(_settings(told))
    found += [each async for each in _database(told)]
    found += [each async for each in _temporal(_QUEUES if told.smtp_host is None else (*_QUEUES, names.MAILS))]
    if told.stripe_api_key is not None:
        found.append(await _stripe(told, told.stripe_api_key.get_secret_value()))
    return found


def _settings(told: Settings) -> Iterator[Found]:
    key, secrets = told.stripe_api_key, [secret for _, secret in told.signing_keys]
    if not secrets or min(map(len, secrets)) < _SHORTEST_SECRET:
        mend = "Set HOLDFAST_JWT_SECRET or HOLDFAST_JWT_KEYS to 32 random bytes or more: openssl rand -hex 32"
        yield Found(what="token keys", state=State.WRONG, seen="missing or short", mend=mend)
    if key is None:
        yield Found(what="Stripe", state=State.WRONG, seen="no key", mend="Set HOLDFAST_STRIPE_API_KEY.")
    elif key.get_secret_value().startswith("sk_live_") and told.stripe_api_base is not None:
        mend = "Unset HOLDFAST_STRIPE_API_BASE, or use a test key."
        yield Found(what="Stripe", state=State.WRONG, seen="a live key would go to another address", mend=mend)
    if not told.stripe_webhook_secrets:
        mend = "Set HOLDFAST_STRIPE_WEBHOOK_SECRETS to a JSON list; until then payments wait for the poller."
        yield Found(what="Stripe webhooks", state=State.DOUBTFUL, seen="no secret, so none is accepted", mend=mend)


async def _database(told: Settings) -> AsyncIterator[Found]:
    try:
        async with opened(told) as database:
            seen = await condition(database)
    except DatabaseUnreadable as error:
        mend = "Check DATABASE_URL, that PostgreSQL runs, and that holdfast migrate was run."
        yield Found(what="database", state=State.WRONG, seen=error.kind, mend=mend)
        return
    for each in _judged(seen):
        yield each


def _judged(seen: Condition) -> Iterator[Found]:
    old, behind = seen.version < _OLDEST_POSTGRES, seen.behind
    yield Found(
        what="PostgreSQL",
        state=State.WRONG if old else State.RIGHT,
        seen=f"version {seen.version}",
        mend=f"Use PostgreSQL {_OLDEST_POSTGRES} or newer." if old else "",
    )
    yield Found(
        what="schema",
        state=State.WRONG if behind else State.RIGHT,
        seen=f"at {seen.schema}, the newest is {seen.newest_schema}",
        mend="Run holdfast migrate." if behind else "",
    )
    if seen.superuser:
        mend = "Let the application log in as a member of holdfast_app: a superuser may change the ledger."
        yield Found(what="login", state=State.DOUBTFUL, seen="a superuser", mend=mend)
    if seen.clocks_apart > _CLOCKS_APART:
        apart = f"{seen.clocks_apart.total_seconds():.0f} s apart from this machine's"
        yield Found(what="clock", state=State.DOUBTFUL, seen=apart, mend="Let both follow NTP.")
    if seen.restored:
        mend = "Was holdfast reconcile run after the restore? See 'After a restore' in docs/operations.md."
        yield Found(what="event log", state=State.DOUBTFUL, seen="restored from another cluster", mend=mend)
    yield from _filled(seen)
    state = State.DOUBTFUL if seen.open_incidents else State.RIGHT
    mend = "GET /v1/incidents?open=true lists them." if seen.open_incidents else ""
    yield Found(what="incidents", state=state, seen=f"{seen.open_incidents} open", mend=mend)


def _filled(seen: Condition) -> Iterator[Found]:
    """What a migrated database still lacks before anybody can order."""
    rates, staff = seen.shipping_rates, seen.administrators
    yield Found(
        what="shipping rates",
        state=State.RIGHT if rates else State.WRONG,
        seen=f"{rates}" if rates else "none, so every order is refused",
        mend="" if rates else "Enter some: the README says how.",
    )
    yield Found(
        what="administrators",
        state=State.RIGHT if staff else State.WRONG,
        seen=f"{staff} active",
        mend="" if staff else "Make one: holdfast account create --role admin --email … --name …",
    )


async def _temporal(queues: Sequence[str]) -> AsyncIterator[Found]:
    try:
        client = await connect()
        async for each in _namespace(client, queues):
            yield each
    except (RPCError, RuntimeError) as error:
        mend = "Check TEMPORAL_ADDRESS and TEMPORAL_NAMESPACE, and that the namespace exists."
        yield Found(what="Temporal", state=State.WRONG, seen=type(error).__name__, mend=mend)


async def _namespace(client: Client, queues: Sequence[str]) -> AsyncIterator[Found]:
    listed = await client.operator_service.list_search_attributes(
        ListSearchAttributesRequest(namespace=client.namespace)
    )
    missing = sorted(names.SEARCH_ATTRIBUTES.keys() - listed.custom_attributes.keys())
    add = " ".join(f"--name {name} --type {names.SEARCH_ATTRIBUTES[name]}" for name in missing)
    yield Found(
        what="search attributes",
        state=State.WRONG if missing else State.RIGHT,
        seen=f"missing: {', '.join(missing)}" if missing else "all there",
        mend=f"temporal operator search-attribute create {add}" if missing else "",
    )
    for queue in queues:
        pollers = await _pollers(client, queue)
        yield Found(
            what=f"workers of {queue}",
            state=State.RIGHT if pollers else State.WRONG,
            seen=f"{pollers} poll it",
            mend="" if pollers else "Start holdfast worker; orders wait until one runs.",
        )
    yield await _swept(client)


async def _pollers(client: Client, queue: str) -> int:
    kinds = (TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW, TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY)
    requests = [
        DescribeTaskQueueRequest(namespace=client.namespace, task_queue=TaskQueue(name=queue), task_queue_type=kind)
        for kind in kinds
    ]
    said = await asyncio.gather(*map(client.workflow_service.describe_task_queue, requests))
    since = datetime.now(UTC) - POLLED
    return max(sum(poller.last_access_time.ToDatetime(UTC) > since for poller in each.pollers) for each in said)


async def _swept(client: Client) -> Found:
    mend = "Start holdfast worker: it makes the schedules; if one is paused, unpause it in Temporal."
    try:
        described = await client.get_schedule_handle(names.SWEEP_ORDERS).describe()
    except RPCError:
        return Found(what="sweep", state=State.WRONG, seen="it has no schedule", mend=mend)
    ran = [action.started_at for action in described.info.recent_actions]
    late = described.schedule.state.paused or not ran or datetime.now(UTC) - max(ran) > _SWEPT_WITHIN
    seen = f"last at {max(ran):%Y-%m-%d %H:%M} UTC" if ran else "it never ran"
    return Found(what="sweep", state=State.DOUBTFUL if late else State.RIGHT, seen=seen, mend=mend if late else "")


async def _stripe(told: Settings, key: str) -> Found:
    timeout = (told.stripe_connect_timeout, told.stripe_read_timeout)
    statement = StripeStatement(key, api_base=told.stripe_api_base, timeout=timeout)
    try:
        await asyncio.to_thread(statement.since, datetime.now(UTC))
    except HoldfastError as refused:
        mend = "Check HOLDFAST_STRIPE_API_KEY, and that this machine may reach the provider."
        return Found(what="Stripe", state=State.WRONG, seen=str(refused), mend=mend)
    mode = "live" if key.startswith(("sk_live_", "rk_live_")) else "test"
    return Found(what="Stripe", state=State.RIGHT, seen=f"answers, {mode} mode")
