"""Health of a whole system, and of one that lacks a part."""

from dataclasses import replace
from typing import Any

import psycopg
import pytest

from api import checks
from api.checks import Checks
from db.migrate import versions
from providers.stripe.webhooks import StripeWebhooks
from tests.support.arena import Arena, eventually
from workflows.schedules import ensure_schedules


async def asked(arena: Arena, path: str = "/health") -> tuple[int, dict[str, Any]]:
    # What was answered a moment ago would stand.
    arena.app.state.checks = Checks()
    answer = await arena.http.get(path)
    return answer.status_code, answer.json()


async def working(arena: Arena) -> None:
    """Schedules are there, and workers have begun to poll."""
    await ensure_schedules(arena.temporal)

    async def whole() -> bool:
        return (await asked(arena))[0] == 200

    await eventually(whole)


async def test_a_system_with_all_its_parts_is_up(arena: Arena) -> None:
    await working(arena)

    assert await asked(arena, "/health/ready") == (
        200,
        {"status": "up", "parts": {name: {"status": "up", "detail": None} for name in ("database", "temporal")}},
    )
    assert await asked(arena) == (
        200,
        {"status": "up", "parts": {name: {"status": "up", "detail": None} for name in checks.whole(mails=False)}},
    )


async def test_a_queue_that_nobody_works_on_is_named(arena: Arena) -> None:
    await working(arena)
    wiring = arena.app.state.wiring
    arena.app.state.wiring = replace(wiring, webhooks={**wiring.webhooks, "nobody": StripeWebhooks(["whsec_x"])})

    status, health = await asked(arena)

    assert (status, health["status"]) == (503, "down")
    assert health["parts"].pop("workers") == {"status": "down", "detail": "nobody works on payments-nobody"}
    assert {part["status"] for part in health["parts"].values()} == {"up"}
    assert (await asked(arena, "/health/ready"))[0] == 200


async def test_where_mails_are_sent_somebody_has_to_send_them(arena: Arena) -> None:
    await working(arena)
    arena.app.state.checks = Checks(checks.whole(mails=True))

    answer = await arena.http.get("/health")

    assert answer.status_code == 503
    assert answer.json()["parts"]["workers"] == {"status": "down", "detail": "nobody works on mails"}


async def test_a_sweep_that_nothing_starts_is_down(arena: Arena) -> None:
    status, health = await asked(arena)

    assert (status, health["parts"]["sweep"]["status"]) == (503, "down")


@pytest.mark.parametrize(("version", "status"), [(versions()[1], "down"), ("9999", "up")])
async def test_a_schema_that_is_behind_is_down_and_one_that_is_ahead_is_not(
    arena: Arena, owner_dsn: str, version: str, status: str
) -> None:
    async with await psycopg.AsyncConnection.connect(owner_dsn, autocommit=True) as connection:
        await connection.execute("UPDATE alembic_version SET version_num = %s", (version,))

    _, health = await asked(arena)

    assert health["parts"]["schema"]["status"] == status
    assert version in health["parts"]["schema"]["detail"]


async def test_a_pool_that_is_all_in_use_is_no_outage(arena: Arena) -> None:
    held = [arena.database.engine.connect() for _ in range(arena.database.pool_size)]
    try:
        for connection in held:
            await connection.start()

        assert (await asked(arena, "/health/ready"))[0] == 200
    finally:
        for connection in held:
            await connection.close()
