"""What those who run it see of a whole stack: health, metrics of each of its processes, limits on every reply."""

import re
from pathlib import Path

import httpx2

from sandbox.ports import LOOPBACK, free_ports
from sandbox.stack import StackOptions, running_stack
from tests.support.arena import eventually
from tests.support.merchant import open_for_business

TOKEN = "a reader's own token"
ADDRESS = {"name": "A", "line1": "B", "city": "C", "region": "CA", "postal_code": "94601", "country": "US"}


MONITORING = Path(__file__).parents[2] / "deploy" / "monitoring"


def watched() -> set[str]:
    """The metrics that the alert rules and the dashboard ask for."""
    asked = "".join(file.read_text() for file in MONITORING.iterdir())
    return {name.removesuffix("_bucket") for name in re.findall(r"\b(?:holdfast|temporal)_[a-z_]+", asked)}


async def read(address: str) -> str:
    async with httpx2.AsyncClient() as http:
        answer = await http.get(f"http://{address}/metrics")
    return answer.raise_for_status().text


async def test_a_running_stack_can_be_watched() -> None:
    worker, temporal = (f"{LOOPBACK}:{port}" for port in free_ports(2))
    environment = {
        "HOLDFAST_METRICS_TOKEN": TOKEN,
        "HOLDFAST_WORKER_METRICS_ADDRESS": worker,
        "HOLDFAST_TEMPORAL_METRICS_ADDRESS": temporal,
    }
    options = StackOptions(ephemeral=True, free_ports=True, environment=environment)
    async with running_stack(options) as stack, open_for_business(stack) as shop:
        product = (await shop.get("/v1/products"))["data"][-1]["id"]
        card = {"method": "card", "payment_method_id": "pm_card_visa"}
        body = {"items": [{"product_id": product, "quantity": 1}], "shipping_address": ADDRESS, "payment": card}
        placed = await shop.post("/v1/orders", body)

        assert placed.status_code == 201, placed.text
        assert 0 < int(placed.headers["RateLimit-Remaining"]) < int(placed.headers["RateLimit-Limit"]) == 10**6
        assert placed.headers["X-Content-Type-Options"] == "nosniff"
        assert "Server" not in placed.headers
        api = (await shop.http.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})).text
        assert 'holdfast_orders_placed_total{outcome="completed"} 1.0' in api
        assert 'holdfast_activities_total{activity="orders.place",outcome="done"} 1.0' in await read(worker)
        read_by_prometheus = api + await read(worker) + await read(temporal)
        told = set(re.findall(r"^# TYPE (\w+)", read_by_prometheus, re.MULTILINE))
        assert watched() - told == set()
        assert len(watched()) > 10

        async def in_health() -> bool:
            return (await shop.http.get("/health")).status_code == 200

        await eventually(in_health)
