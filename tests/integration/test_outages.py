"""Temporal or PostgreSQL is away: 503 soon, nothing done, and the same call goes through when it is back."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from signal import SIGCONT, SIGSTOP

import httpx2
import psycopg
import pytest
from fastapi import FastAPI
from psycopg import errors as postgres_errors
from sqlalchemy import exc

from api import problems
from api.middleware import RequestFrame
from domain.orders import Role
from sandbox.temporal import TemporalServer
from tests.support.arena import Arena

# What the API may take on a busy machine to say that Temporal is gone, far below the time that it may take to answer.
SOON_SECONDS, BUDGET_SECONDS = 30.0, 60.0


def away(answer: httpx2.Response, code: str) -> bool:
    return (answer.status_code, answer.json()["code"], "Retry-After" in answer.headers) == (503, code, True)


@asynccontextmanager
async def frozen(server: TemporalServer) -> AsyncIterator[None]:
    """It takes calls and answers none."""
    os.kill(server.pid, SIGSTOP)
    try:
        yield
    finally:
        os.kill(server.pid, SIGCONT)


async def test_without_temporal_an_order_is_refused_soon_and_taken_later_under_the_same_key(
    arena: Arena, temporal_server: TemporalServer
) -> None:
    product = await arena.product(on_hand=2)
    arena.answer_within(BUDGET_SECONDS)
    await temporal_server.kill()
    asked = asyncio.get_running_loop().time()

    refused = await arena.place(product, key="patience")

    assert away(refused, "workflows_unavailable")
    assert asyncio.get_running_loop().time() - asked < SOON_SECONDS
    assert (await arena.get("/v1/orders"))["data"] == []
    assert await asyncio.to_thread(arena.stripe.requests) == []
    await temporal_server.start()
    taken = await arena.place(product, key="patience")
    assert (taken.status_code, taken.json()["status"]) == (201, "confirmed")
    assert (await arena.truth(taken.json()["id"]))["captures"] == 1
    assert (await arena.get(f"/v1/products/{product}"))["stock"] == 1


async def test_without_temporal_a_command_is_refused_soon(arena: Arena, temporal_server: TemporalServer) -> None:
    order = (await arena.place(await arena.product(), capture="manual")).json()
    arena.answer_within(BUDGET_SECONDS)
    await temporal_server.kill()
    asked = asyncio.get_running_loop().time()

    refused = await arena.command(order, "ship", Role.SELLER)

    assert away(refused, "workflows_unavailable")
    assert asyncio.get_running_loop().time() - asked < SOON_SECONDS
    assert (await arena.order(order["id"]))["status"] == "confirmed"
    assert (await arena.truth(order["id"]))["captures"] == 0


async def test_an_order_that_temporal_never_confirmed_is_not_called_accepted(
    arena: Arena, temporal_server: TemporalServer
) -> None:
    product = await arena.product(on_hand=2)
    arena.answer_within(1)

    async with frozen(temporal_server):
        refused = await arena.place(product, key="patience")

    assert away(refused, "workflows_unavailable")
    arena.answer_within(BUDGET_SECONDS)
    taken = await arena.place(product, key="patience")
    assert (taken.status_code, taken.json()["status"]) == (201, "confirmed")
    assert (await arena.truth(taken.json()["id"]))["captures"] == 1
    assert (await arena.get(f"/v1/products/{product}"))["stock"] == 1


async def test_a_command_that_temporal_never_confirmed_is_not_called_accepted(
    arena: Arena, temporal_server: TemporalServer
) -> None:
    order = (await arena.place(await arena.product(), capture="manual")).json()
    arena.answer_within(1)

    async with frozen(temporal_server):
        refused = await arena.command(order, "ship", Role.SELLER, key="ship it")

    assert away(refused, "workflows_unavailable")
    arena.answer_within(10)
    shipped = await arena.insist(order, "ship", Role.SELLER, key="ship it")
    assert (shipped.status_code, shipped.json().get("status")) == (200, "shipped"), shipped.text
    assert (await arena.truth(order["id"]))["captures"] == 1


async def test_connections_that_the_database_closed_are_replaced(arena: Arena, owner_dsn: str) -> None:
    product = await arena.product()
    await asyncio.gather(*(arena.place(product) for _ in range(5)))

    await _close_connections(owner_dsn)

    answers = [await arena.place(product, key=f"again {number}") for number in range(10)]
    met = {answer.status_code for answer in answers}
    assert met <= {201, 503}
    assert all(away(answer, "database_unavailable") for answer in answers if answer.status_code == 503)
    assert answers[-1].status_code == 201, "one call notices, and the others get new connections"


async def test_a_statement_that_the_database_broke_off_is_answered_with_503(arena: Arena, owner_dsn: str) -> None:
    product = await arena.product()
    async with await psycopg.AsyncConnection.connect(owner_dsn) as locking:
        await locking.execute("LOCK TABLE requests IN ACCESS EXCLUSIVE MODE")
        placing = asyncio.create_task(arena.place(product, key="patience"))
        await _until_waiting(owner_dsn)
        await _close_connections(owner_dsn, "Lock")

        refused = await placing

    assert away(refused, "database_unavailable")
    assert (await arena.place(product, key="patience")).status_code == 201


async def _close_connections(owner_dsn: str, state: str = "%") -> None:
    """What a restart does to the application's connections: they are cut, which is noticed when they are used next."""
    async with await psycopg.AsyncConnection.connect(owner_dsn, autocommit=True) as connection:
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND usename = 'holdfast' AND coalesce(wait_event_type, '') LIKE %s",
            (state,),
        )


async def _until_waiting(owner_dsn: str) -> None:
    async with await psycopg.AsyncConnection.connect(owner_dsn, autocommit=True) as connection:
        waiting = 0
        while not waiting:
            found = await connection.execute(
                "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
            waiting = found.rowcount


LOST: list[Exception] = [
    exc.OperationalError("", {}, postgres_errors.AdminShutdown()),
    exc.OperationalError("", {}, postgres_errors.CannotConnectNow()),
    exc.OperationalError("", {}, postgres_errors.ConnectionTimeout()),
    exc.OperationalError("", {}, postgres_errors.DeadlockDetected()),
    exc.InterfaceError("", {}, psycopg.InterfaceError("the connection is closed")),
    exc.InternalError("", {}, psycopg.InternalError(), connection_invalidated=True),
    exc.TimeoutError(),
]
OURS: list[Exception] = [
    exc.ProgrammingError("", {}, postgres_errors.UndefinedTable()),
    exc.IntegrityError("", {}, postgres_errors.UniqueViolation()),
    exc.DataError("", {}, postgres_errors.NumericValueOutOfRange()),
]


async def _answer_to(error: Exception) -> httpx2.Response:
    app = FastAPI()
    app.add_middleware(RequestFrame)
    problems.install(app)

    @app.get("/")
    async def fail() -> None:
        raise error

    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://api") as http:
        return await http.get("/")


@pytest.mark.parametrize("error", LOST, ids=lambda error: type(getattr(error, "orig", error)).__name__)
async def test_a_lost_database_is_503_and_worth_another_try(error: Exception) -> None:
    assert away(await _answer_to(error), "database_unavailable")


@pytest.mark.parametrize("error", OURS, ids=lambda error: type(getattr(error, "orig", error)).__name__)
async def test_a_fault_of_ours_is_500_although_the_database_told_it(error: Exception) -> None:
    answer = await _answer_to(error)

    assert (answer.status_code, answer.json()["code"]) == (500, "error")
    assert "Retry-After" not in answer.headers
