"""What browsers are told by every reply, the documentation's own policy, and who may call from another origin."""

import re

import pytest
from limits import parse

from api.edge import Edge
from api.limits import Limits, Quota
from tests.support.bare_api import bare_api, signed_in

SHOP = "https://shop.example"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/health/live", 200),
        ("GET", "/openapi.json", 200),
        ("GET", "/v1/nothing", 404),
        ("DELETE", "/v1/orders", 405),
        ("GET", "/v1/orders", 401),
        ("POST", "/v1/auth/login", 422),
        ("GET", "/v1/products", 503),
    ],
)
async def test_every_reply_says_what_a_browser_may_do_with_it(method: str, path: str, status: int) -> None:
    async with bare_api() as http:
        answer = await http.request(method, path, json={} if method == "POST" else None)

    assert answer.status_code == status
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Strict-Transport-Security" not in answer.headers
    assert "Access-Control-Allow-Origin" not in answer.headers


async def test_a_body_that_is_too_large_and_a_call_too_many_say_it_too() -> None:
    limits = Limits({Quota.ACCOUNT_WRITES: parse("1/minute")})
    async with bare_api(Edge(limits=limits)) as http:
        answers = [
            await http.post("/v1/orders", content=b" " * 1_000_001, headers=signed_in()),
            await http.post("/v1/orders", headers=signed_in()),
        ]

    assert [each.status_code for each in answers] == [413, 429]
    assert all(each.headers["X-Content-Type-Options"] == "nosniff" for each in answers)


async def test_https_only_is_said_where_it_is_set() -> None:
    async with bare_api(Edge(hsts_seconds=31_536_000)) as http:
        answer = await http.get("/health/live")

    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"


async def test_the_documentation_needs_nothing_from_elsewhere() -> None:
    async with bare_api() as http:
        page = await http.get("/docs")
        parts = re.findall(r'(?:src|href)="(docs/[^"]+)"', page.text)
        loaded = [await http.get(f"/{part}") for part in parts]

    assert len(parts) == 3
    assert "//" not in re.sub(r"<!DOCTYPE.*", "", page.text)
    assert [each.status_code for each in loaded] == [200, 200, 200]
    assert {each.headers["content-type"].partition(";")[0] for each in loaded} == {"text/css", "text/javascript"}
    assert "SwaggerUIBundle" in loaded[1].text
    policy = dict(each.strip().split(" ", 1) for each in page.headers["Content-Security-Policy"].split(";"))
    assert (policy["default-src"], policy["script-src"]) == ("'none'", "'self'")
    assert policy["frame-ancestors"] == "'none'"
    assert "unsafe-eval" not in page.headers["Content-Security-Policy"]
    assert loaded[1].headers["Cache-Control"] == "public, max-age=3600"


async def test_a_page_of_a_known_origin_may_call_and_read_our_headers() -> None:
    async with bare_api(Edge(origins=(SHOP,))) as http:
        asked = {"Origin": SHOP, "Access-Control-Request-Method": "POST"}
        asked["Access-Control-Request-Headers"] = "authorization, content-type, idempotency-key"
        preflight = await http.options("/v1/orders", headers=asked)
        refused = await http.get("/v1/orders", headers={"Origin": SHOP})

    assert preflight.status_code == 200
    assert preflight.headers["Access-Control-Allow-Origin"] == SHOP
    assert "Access-Control-Allow-Credentials" not in preflight.headers
    assert preflight.headers["X-Content-Type-Options"] == "nosniff"
    assert (refused.status_code, refused.headers["Access-Control-Allow-Origin"]) == (401, SHOP)
    shown = {each.strip() for each in refused.headers["Access-Control-Expose-Headers"].split(",")}
    assert {"X-Request-Id", "Location", "Retry-After", "Idempotency-Replayed", "RateLimit"} <= shown
    assert "Origin" in refused.headers["Vary"]


@pytest.mark.parametrize("origin", ["https://evil.example", "http://shop.example", "https://shop.example.evil.example"])
async def test_another_origin_may_not(origin: str) -> None:
    async with bare_api(Edge(origins=(SHOP,))) as http:
        preflight = await http.options(
            "/v1/orders", headers={"Origin": origin, "Access-Control-Request-Method": "POST"}
        )
        answer = await http.get("/health/live", headers={"Origin": origin})

    assert preflight.status_code == 400
    assert "Access-Control-Allow-Origin" not in preflight.headers
    assert "Access-Control-Allow-Origin" not in answer.headers


async def test_where_all_origins_may_call_none_may_with_cookies() -> None:
    async with bare_api(Edge(origins=("*",))) as http:
        answer = await http.get("/health/live", headers={"Origin": SHOP, "Cookie": "session=1"})

    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in answer.headers
