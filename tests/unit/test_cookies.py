"""The session cookie: a call by it comes from a page of ours and has the session's token, or it is refused."""

import pytest
from fastapi import Request, Response

from api.cookies import CookieRules, csrf_token
from domain.errors import CsrfTokenWrong, HoldfastError, OriginNotAllowed

SECRET = "a session's secret"
OPEN = CookieRules(secure=False)
SECURE = CookieRules()
PROXIED = CookieRules(origin="https://shop.example")


def call(method: str = "POST", host: str = "shop.example", **headers: str) -> Request:
    sent = {"host": host, **{name.replace("_", "-"): value for name, value in headers.items()}}
    raw = [(name.encode(), value.encode("latin-1")) for name, value in sent.items()]
    return Request({"type": "http", "method": method, "path": "/", "query_string": b"", "headers": raw})


@pytest.mark.parametrize(
    ("rules", "host", "origin"),
    [
        (OPEN, "127.0.0.1:8080", "http://127.0.0.1:8080"),
        (OPEN, "Shop.example", "http://shop.EXAMPLE"),
        (SECURE, "shop.example", "https://shop.example"),
        (SECURE, "shop.example:8443", "https://shop.example:8443"),
        (PROXIED, "10.0.0.7:8080", "https://shop.example"),
    ],
)
def test_a_page_of_this_address_may_call(rules: CookieRules, host: str, origin: str) -> None:
    rules.check(call(host=host, origin=origin, x_csrf_token=csrf_token(SECRET)), SECRET)


@pytest.mark.parametrize(
    ("rules", "origin"),
    [
        (SECURE, "https://evil.example"),
        (SECURE, "http://shop.example"),
        (SECURE, "https://shop.example.evil.example"),
        (SECURE, "https://shop.example@evil.example"),
        (SECURE, "https://shop.example:444"),
        (SECURE, "null"),
        (SECURE, ""),
        (SECURE, "https://["),
        (OPEN, "file://shop.example"),
        (PROXIED, "https://SHOP.example"),
    ],
)
def test_a_page_of_another_address_may_not_even_with_the_token(rules: CookieRules, origin: str) -> None:
    with pytest.raises(OriginNotAllowed):
        rules.check(call(origin=origin, x_csrf_token=csrf_token(SECRET)), SECRET)


@pytest.mark.parametrize("host", ["", "evil.example"])
def test_the_address_is_the_one_that_was_called(host: str) -> None:
    with pytest.raises(OriginNotAllowed):
        SECURE.check(call(host=host, origin="https://shop.example", x_csrf_token=csrf_token(SECRET)), SECRET)


def test_a_call_that_says_not_where_it_comes_from_is_refused() -> None:
    with pytest.raises(OriginNotAllowed):
        SECURE.check(call(x_csrf_token=csrf_token(SECRET)), SECRET)

    SECURE.check_origin(call(), required=False)
    with pytest.raises(OriginNotAllowed):
        SECURE.check_origin(call(origin="https://evil.example"), required=False)


@pytest.mark.parametrize("token", ["", "é", SECRET, csrf_token("another session's secret"), csrf_token(SECRET)[:-1]])
def test_without_the_session_s_own_token_a_call_is_refused(token: str) -> None:
    with pytest.raises(CsrfTokenWrong):
        SECURE.check(call(origin="https://shop.example", x_csrf_token=token), SECRET)


@pytest.mark.parametrize("method", ["POST", "PATCH", "PUT", "DELETE"])
def test_every_method_that_changes_something_is_checked(method: str) -> None:
    with pytest.raises(HoldfastError):
        SECURE.check(call(method), SECRET)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_reading_needs_the_cookie_alone(method: str) -> None:
    SECURE.check(call(method, origin="https://evil.example"), SECRET)


def test_the_cookie_is_for_the_browser_alone() -> None:
    answer = Response()
    SECURE.give(answer, SECRET, 60)

    name, *attributes = answer.headers["Set-Cookie"].split("; ")
    assert name.startswith("__Host-holdfast=")
    assert {each.lower() for each in attributes} == {"httponly", "secure", "samesite=lax", "path=/", "max-age=60"}


def test_on_plain_http_the_cookie_has_another_name() -> None:
    answer = Response()
    OPEN.give(answer, SECRET, 60)

    assert answer.headers["Set-Cookie"].startswith("holdfast=")
    assert "secure" not in answer.headers["Set-Cookie"].lower()
    assert SECURE.read(call(cookie=f"holdfast={SECRET}")) is None
