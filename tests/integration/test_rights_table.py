"""Every operation of the OpenAPI document, called by everybody on their own, on another's and on what is not there."""

import json
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from db.ids import new_id
from sandbox.postgres import Postgres
from tests.support.rights import MISSING, ROWS, Row, Who, World, open_world
from tests.support.servers import SharedTemporal, own_arena, own_database, own_database_name

DOCUMENT = json.loads((Path(__file__).parents[2] / "docs" / "openapi.json").read_text())


def operations() -> Iterator[tuple[str, str, str]]:
    """Every operation's id, method and path."""
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            yield operation["operationId"], method.upper(), path


@pytest_asyncio.fixture(scope="module")
async def world(postgres: Postgres, shared_temporal: SharedTemporal) -> AsyncIterator[World]:
    """One for all operations: nobody in it is changed for good."""
    async with (
        own_database_name(postgres) as name,
        own_database(postgres, name) as database,
        own_arena(database, await shared_temporal.lend()) as arena,
    ):
        yield await open_world(arena)


def test_every_operation_has_a_row_and_every_row_an_operation() -> None:
    assert {name for name, _, _ in operations()} == set(ROWS)


@pytest.mark.parametrize(("name", "method", "path"), list(operations()), ids=lambda each: each if each in ROWS else "")
async def test_everybody_gets_what_the_table_says(world: World, name: str, method: str, path: str) -> None:
    row, told = ROWS[name], {}
    subject = missing = "stripe"
    if row.about is not None:
        missing = " ".join(map(new_id, MISSING[row.about].split()))
        subject = await world.subjects[row.about]()

    for who in Who:
        told[who, "there"] = await status(world, row, who, method, path, subject)
        if row.about is not None:
            told[who, "missing"] = await status(world, row, who, method, path, missing)
            # Who is refused leaves it as it was.
            if method != "GET" and told[who, "there"] < 400:
                subject = await world.subjects[row.about]()

    assert told == {(who, place): row.expected(who, there=place == "there") for who, place in told}


async def status(world: World, row: Row, who: Who, method: str, path: str, subject: str) -> int:
    body: Any = None if row.body is None else await row.body(world)
    ids = iter(subject.split())
    address = re.sub(r"\{\w+\}", lambda _: next(ids), path) + row.query
    if path.endswith("/events"):
        # It does not end by itself.
        async with world.arena.http.stream(method, address, headers=world.headers(who)) as answer:
            return answer.status_code
    return (await world.call(who, method, address, body)).status_code
