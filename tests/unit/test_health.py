"""Health when nothing is there: said soon, part by part, without a secret, and asked once for all who ask."""

import asyncio

from api.checks import UP, Check, Checks, Part
from api.deps import Wiring
from tests.support.bare_api import bare_api


async def test_an_api_without_its_parts_is_alive_and_not_ready() -> None:
    async with bare_api() as http:
        live, ready, whole = [await http.get(path) for path in ("/health/live", "/health/ready", "/health")]

    assert (live.status_code, ready.status_code, whole.status_code) == (200, 503, 503)
    assert {name: part["status"] for name, part in ready.json()["parts"].items()} == {
        "database": "down",
        "temporal": "down",
    }
    assert {part["status"] for part in whole.json()["parts"].values()} == {"down"}
    assert set(whole.json()["parts"]) == {"database", "temporal", "schema", "workers", "sweep"}
    assert "127.0.0.1" not in whole.text
    assert "nobody" not in whole.text


async def test_a_part_is_asked_once_for_all_who_ask_together() -> None:
    asked = 0

    async def part(_: Wiring) -> Part:
        nonlocal asked
        asked += 1
        await asyncio.sleep(0.01)
        return UP

    wanted: dict[str, Check] = {"part": part}
    looks = Checks()
    answers = await asyncio.gather(*(looks.parts(Wiring.__new__(Wiring), wanted) for _ in range(20)))

    assert answers == [{"part": UP}] * 20
    assert asked == 1
