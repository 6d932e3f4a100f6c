"""Metrics of the API: who may read them, and that they count by templates and codes, never by ids."""

import pytest

from api.edge import Edge
from tests.support.bare_api import bare_api, signed_in

TOKEN = {"Authorization": "Bearer a reader's own token"}
EDGE = Edge(metrics_token="a reader's own token")
ORDER = "ord_01h455vb4pex5vsknk084sn02q"


async def test_while_no_token_is_set_nobody_reads_them() -> None:
    async with bare_api() as http:
        answer = await http.get("/metrics", headers=TOKEN)

    assert (answer.status_code, answer.json()["code"]) == (401, "token_invalid")


@pytest.mark.parametrize(
    ("headers", "code"),
    [({}, "token_missing"), ({"Authorization": "Bearer another"}, "token_invalid"), (signed_in(), "token_invalid")],
)
async def test_only_the_reader_s_token_opens_them(headers: dict[str, str], code: str) -> None:
    async with bare_api(EDGE) as http:
        answer = await http.get("/metrics", headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (401, code)
    assert "holdfast_" not in answer.text


async def test_requests_are_counted_by_template_and_never_by_id() -> None:
    async with bare_api(EDGE) as http:
        await http.get(f"/v1/orders/{ORDER}")
        await http.get(f"/v1/orders/{ORDER}")
        await http.get("/v1/nothing/at/all")
        await http.request("BREW", "/health/live")
        read = (await http.get("/metrics", headers=TOKEN)).text

    assert 'holdfast_http_requests_total{method="GET",route="/v1/orders/{order_id}",status="401"} 2.0' in read
    assert 'holdfast_http_request_seconds_count{method="GET",route="/v1/orders/{order_id}"} 2.0' in read
    assert 'holdfast_http_requests_total{method="GET",route="unmatched",status="404"} 1.0' in read
    assert 'holdfast_http_requests_total{method="other",' in read
    assert 'holdfast_database_connections{state="at_most"} 2.0' in read
    assert ORDER not in read
    assert "nothing" not in read


async def test_an_order_that_could_not_be_placed_is_counted() -> None:
    items = [{"product_id": "prd_01h455vb4pex5vsknk084sn02q", "quantity": 1}]
    address = {"name": "A", "line1": "B", "city": "C", "postal_code": "1", "country": "DE"}
    body = {"items": items, "shipping_address": address, "payment": {"method": "card"}}
    async with bare_api(EDGE) as http:
        answer = await http.post("/v1/orders", json=body, headers={**signed_in(), "Idempotency-Key": "one"})
        read = (await http.get("/metrics", headers=TOKEN)).text

    assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
    assert 'holdfast_orders_placed_total{outcome="failed"} 1.0' in read
