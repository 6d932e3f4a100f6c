"""Rate limits: who is counted as whom, what a caller is told, and that an outage of the counters refuses nobody."""

from ipaddress import ip_network

import pytest
from limits import parse

from api.edge import Edge
from api.limits import Limits, Quota
from api.peers import Proxies
from domain.orders import Role
from tests.support.bare_api import ANN, BEN, NOWHERE, bare_api, signed_in

READ, VERIFY = "/v1/nothing", "/v1/auth/verify"
PROXY = "10.0.0.1"
TRUSTED = Proxies([ip_network("10.0.0.0/8"), ip_network("fd00::/8")])


def edge(proxies: Proxies | None = None, **amounts: int) -> Edge:
    quotas = {Quota(name.replace("_", "-")): parse(f"{amount}/minute") for name, amount in amounts.items()}
    return Edge(limits=Limits(quotas), proxies=proxies or Proxies())


async def test_every_reply_tells_what_is_left_and_one_too_many_when_to_come_again() -> None:
    async with bare_api(edge(address_reads=2)) as http:
        first, second, third = [await http.get(READ) for _ in range(3)]

    assert [each.status_code for each in (first, second, third)] == [404, 404, 429]
    assert [each.headers["RateLimit-Remaining"] for each in (first, second, third)] == ["1", "0", "0"]
    assert third.headers["RateLimit-Limit"] == "2"
    assert third.headers["RateLimit-Policy"] == '"address-reads";q=2;w=60'
    reset = int(third.headers["RateLimit-Reset"])
    assert 0 < reset <= 60
    assert third.headers["RateLimit"] == f'"address-reads";r=0;t={reset}'
    assert third.headers["Retry-After"] == str(reset)
    assert third.headers["content-type"] == "application/problem+json"
    problem = third.json()
    assert (problem["code"], problem["request_id"]) == ("rate_limited", third.headers["X-Request-Id"])


async def test_an_account_is_counted_wherever_it_calls_from_and_apart_from_others() -> None:
    async with bare_api(edge(account_reads=1, address_reads=1)) as http:
        answers = [
            await http.get(VERIFY, headers=signed_in(ANN)),
            await http.get(VERIFY, headers=signed_in(BEN)),
            await http.get(READ),
            await http.get(VERIFY, headers=signed_in(ANN, Role.SELLER)),
        ]

    assert [each.status_code for each in answers] == [200, 200, 404, 429]


async def test_reads_and_writes_are_counted_apart() -> None:
    async with bare_api(edge(address_reads=1, address_writes=1)) as http:
        answers = [await http.request(method, READ) for method in ("GET", "POST", "HEAD", "DELETE")]

    assert [each.status_code for each in answers] == [404, 404, 429, 429]


@pytest.mark.parametrize("token", ["", "x", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhY2MifQ."])
async def test_a_made_up_token_is_no_account(token: str) -> None:
    async with bare_api(edge(account_reads=100, address_reads=1)) as http:
        first = await http.get(READ)
        again = await http.get(READ, headers={"Authorization": f"Bearer {token}"})

    assert (first.status_code, again.status_code) == (404, 429)


async def test_a_forged_forwarding_makes_no_other_caller() -> None:
    async with bare_api(edge(address_reads=1)) as http:
        answers = [await http.get(READ, headers={"X-Forwarded-For": f"198.51.100.{number}"}) for number in (1, 2)]

    assert [each.status_code for each in answers] == [404, 429]


async def test_what_a_caller_writes_before_our_proxy_s_word_makes_no_other_caller() -> None:
    async with bare_api(edge(TRUSTED, address_reads=1), peer=PROXY) as http:
        answers = [
            await http.get(READ, headers={"X-Forwarded-For": f"198.51.100.{number}, 203.0.113.9, 10.1.2.3"})
            for number in (1, 2)
        ]

    assert [each.status_code for each in answers] == [404, 429]


async def test_callers_behind_our_proxy_are_counted_apart() -> None:
    async with bare_api(edge(TRUSTED, address_reads=1), peer=PROXY) as http:
        answers = [await http.get(READ, headers={"X-Forwarded-For": f"198.51.100.{number}"}) for number in (1, 2, 1)]

    assert [each.status_code for each in answers] == [404, 404, 429]


@pytest.mark.parametrize("path", ["/health/live", "/version", "/metrics", "/v1/webhooks/nobody"])
async def test_those_who_look_after_the_system_and_providers_are_not_limited(path: str) -> None:
    async with bare_api(edge(address_reads=1, address_writes=1)) as http:
        method = "POST" if path.startswith("/v1/webhooks") else "GET"
        answers = [await http.request(method, path) for _ in range(3)]

    assert 429 not in {each.status_code for each in answers}
    assert not any("RateLimit" in each.headers for each in answers)


async def test_without_the_counters_nobody_is_refused() -> None:
    limits = Limits({Quota.ADDRESS_READS: parse("1/minute")}, f"redis://{NOWHERE}")
    async with bare_api(Edge(limits=limits)) as http:
        answers = [await http.get(READ) for _ in range(3)]

    assert [each.status_code for each in answers] == [404, 404, 404]
    assert "RateLimit" not in answers[0].headers


@pytest.mark.parametrize(
    ("peer", "forwarded", "caller"),
    [
        ("203.0.113.7", [], "203.0.113.7"),
        ("203.0.113.7", ["198.51.100.1"], "203.0.113.7"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["192.0.2.1, 198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["192.0.2.1", "198.51.100.1, 10.9.9.9"], "198.51.100.1"),
        ("10.0.0.1", ["nonsense"], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.1, nonsense"], "10.0.0.1"),
        ("::ffff:10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("2001:db8:1:2:3:4:5:6", [], "2001:db8:1:2::/64"),
        ("fd00::1", ["2001:db8:1:2:ffff::1"], "2001:db8:1:2::/64"),
    ],
)
def test_the_caller_is_the_first_that_is_none_of_our_proxies(peer: str, forwarded: list[str], caller: str) -> None:
    headers = [(b"x-forwarded-for", each.encode()) for each in forwarded]

    assert TRUSTED.caller({"type": "http", "client": (peer, 1), "headers": headers}) == caller


def test_a_caller_without_an_address_is_one_caller() -> None:
    assert TRUSTED.caller({"type": "http", "client": None, "headers": []}) == "unknown"
