"""The conventions of every HTTP call: problems, request ids, tokens, refusals that never repeat what was sent."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import jwt
import pytest

from api.tokens import SigningKey, Tokens
from db.ids import new_id
from domain.orders import Role
from tests.support.arena import Arena, order_body
from tests.support.opening import SIGNING_KEY

METHODS = {"GET", "POST", "PUT", "PATCH", "DELETE"}
MARKED = "4242424242424242-marked"
PROBLEM = {"type", "title", "status", "detail", "code", "request_id"}
NEVER, NOBODY, PAYMENT = (f"{prefix}_00000000000000000000000000" for prefix in ("ord", "acc", "pay"))


@pytest.fixture
def arena(quiet_arena: Arena) -> Arena:
    """The same one for all: what is refused leaves nothing behind."""
    return quiet_arena


async def nothing_happened(arena: Arena) -> bool:
    return (await arena.get("/v1/orders", Role.ADMIN))["data"] == [] and arena.stripe.requests() == []


@pytest.mark.parametrize(
    ("method", "path", "who", "status", "code"),
    [
        ("GET", "/v1/nothing", Role.BUYER, 404, "route_not_found"),
        ("POST", "/v1/auth/login/", Role.BUYER, 404, "route_not_found"),
        ("GET", f"/v1/orders/{NEVER}", Role.BUYER, 404, "not_found"),
        ("GET", f"/v1/orders/{PAYMENT}", Role.BUYER, 422, "body_invalid"),
        ("DELETE", "/v1/orders", Role.BUYER, 405, "method_not_allowed"),
        ("GET", "/v1/payments", Role.SELLER, 403, "role_not_allowed"),
        ("GET", "/v1/orders?limit=0", Role.BUYER, 422, "body_invalid"),
        ("GET", "/v1/orders?limit=101", Role.BUYER, 422, "body_invalid"),
        ("GET", "/v1/orders?status=paid", Role.BUYER, 422, "body_invalid"),
        ("POST", "/v1/orders", Role.BUYER, 422, "body_invalid"),
    ],
)
async def test_a_refusal_is_a_problem_document(
    arena: Arena, method: str, path: str, who: Role, status: int, code: str
) -> None:
    answer = await arena.http.request(method, path, headers=await arena.headers(who))

    problem = answer.json()
    assert (answer.status_code, problem["status"], problem["code"]) == (status, status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["request_id"] == answer.headers["X-Request-Id"]
    assert problem["type"].endswith(code)
    assert problem["detail"].endswith(".")
    assert set(problem) - {"errors"} == PROBLEM


async def test_a_method_that_is_not_taken_is_answered_with_those_that_are(arena: Arena) -> None:
    answer = await arena.http.delete("/v1/orders", headers=await arena.headers(Role.BUYER))

    # RFC 9110, 15.5.6: the server must send Allow.
    allowed = {each.strip() for each in answer.headers["Allow"].split(",")}
    assert {"GET", "POST"} <= allowed <= {"GET", "POST", "HEAD"}


async def test_an_address_takes_what_is_told_of_it_and_none_of_the_methods_of_things_beside_it(arena: Arena) -> None:
    headers = await arena.headers(Role.ADMIN)
    # `/v1/orders/cancel` is no order's address.
    addresses = {path: methods for path, methods in arena.app.openapi()["paths"].items() if "{" not in path}

    for path, methods in addresses.items():
        taken = {each.upper() for each in methods}
        for method in METHODS - taken:
            answer = await arena.http.request(method, path, headers=headers)
            allowed = {each.strip() for each in answer.headers.get("Allow", "").split(",")}
            assert (answer.status_code, allowed - {"HEAD"}) == (405, taken), (method, path)


@pytest.mark.parametrize(
    "given", [b"", b"two words", b"x" * 129, b"\xe9", b"a/b", b"<script>", b"a;b", b'"', b"{7*7}", b"a\tb"]
)
async def test_a_malformed_request_id_is_replaced(arena: Arena, given: bytes) -> None:
    answer = await arena.http.get("/v1/orders", headers=[(b"X-Request-Id", given)])

    ours = answer.headers["X-Request-Id"]
    assert ours.startswith("req_")
    assert answer.json()["request_id"] == ours


async def test_every_answer_has_a_request_id_of_its_own(arena: Arena) -> None:
    ids = {(await arena.http.get("/health/live")).headers["X-Request-Id"] for _ in range(5)}

    assert len(ids) == 5


KID = SIGNING_KEY.kid


def forged(key: str = SIGNING_KEY.secret, algorithm: str = "HS256", kid: str | None = KID, **changes: Any) -> str:
    now = int(datetime.now(UTC).timestamp())
    claims = {"sub": NOBODY, "role": "buyer", "iss": "holdfast", "aud": "holdfast", "iat": now, "exp": now + 60}
    kept = {name: value for name, value in {**claims, **changes}.items() if value is not None}
    return jwt.encode(kept, key, algorithm=algorithm, headers=None if kid is None else {"kid": kid})


REFUSED: dict[str, Callable[[], str]] = {
    "expired": lambda: Tokens([SIGNING_KEY], -1).issue(NOBODY, Role.BUYER),
    "of another secret": lambda: Tokens([SigningKey(KID, SIGNING_KEY.secret + "!")], 60).issue(NOBODY, Role.BUYER),
    "of another key": lambda: Tokens([SigningKey("older", SIGNING_KEY.secret)], 60).issue(NOBODY, Role.BUYER),
    "of no key": lambda: forged(kid=None),
    "for another audience": lambda: forged(aud="another"),
    "of another issuer": lambda: forged(iss="another"),
    "for ever": lambda: forged(exp=None),
    "of an administrator who is none": lambda: forged(role="admin"),
    "of a role that is none": lambda: forged(role="owner"),
    "without a role": lambda: forged(role=None),
    "of nobody": lambda: forged(sub="me"),
    "unsigned": lambda: forged(key="", algorithm="none"),
    "nonsense": lambda: "nonsense",
}


@pytest.mark.parametrize("token", REFUSED)
async def test_a_token_that_is_not_ours_or_over_is_refused(arena: Arena, token: str) -> None:
    answer = await arena.http.get("/v1/orders", headers={"Authorization": f"Bearer {REFUSED[token]()}"})

    assert (answer.status_code, answer.json()["code"]) == (401, "token_invalid")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("authorization", [None, "Basic dXNlcjpwYXNz", "Bearer", ""])
async def test_without_a_token_nobody_is_let_in(arena: Arena, authorization: str | None) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}

    answer = await arena.http.get("/v1/orders", headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (401, "token_missing")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


async def test_a_valid_forgery_of_the_tests_would_be_let_in(arena: Arena) -> None:
    answer = await arena.http.get("/v1/orders", headers={"Authorization": f"Bearer {forged()}"})

    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("change", "pointers"),
    [
        ({"total": 1, "currency": "USD"}, {"/total", "/currency"}),
        ({"items": []}, {"/items"}),
        ({"items": [{"product_id": MARKED, "quantity": 1}]}, {"/items/0/product_id"}),
        ({"expected_total": MARKED}, {"/expected_total"}),
        ({"expected_total": 10**15}, {"/expected_total"}),
        ({"notes": [MARKED]}, {"/notes"}),
        ({"notes": "n" * 2001}, {"/notes"}),
        ({"payment": {"method": "card", "payment_method_id": MARKED}}, {"/payment/payment_method_id"}),
        ({"payment": {"method": "card", "payment_method_id": "pm_1", "number": MARKED}}, {"/payment/number"}),
        ({"payment": {"method": "cowrie", "payment_method_id": "pm_1"}}, {"/payment/method"}),
        (
            {"shipping_address": {"name": MARKED}},
            {f"/shipping_address/{each}" for each in ("line1", "city", "country")},
        ),
        ({MARKED: 1}, {f"/{MARKED}"}),
    ],
)
async def test_a_body_that_is_refused_is_pointed_into_and_never_repeated(
    arena: Arena, change: dict[str, Any], pointers: set[str]
) -> None:
    body = {**order_body(await arena.product()), **change}

    refused = await arena.post("/v1/orders", body)

    assert (refused.status_code, refused.json()["code"]) == (422, "body_invalid")
    assert {each["pointer"] for each in refused.json()["errors"]} == pointers
    if MARKED not in change:
        assert MARKED not in refused.text
    assert await nothing_happened(arena)


@pytest.mark.parametrize("quantity", [0, -1, 1.5, "1", True, 100_001, None])
async def test_a_quantity_is_a_whole_number_of_pieces(arena: Arena, quantity: object) -> None:
    items = [{"product_id": await arena.product(), "quantity": quantity}]

    refused = await arena.post("/v1/orders", {**order_body(""), "items": items})

    assert refused.status_code == 422
    assert [each["pointer"] for each in refused.json()["errors"]] == ["/items/0/quantity"]
    assert await nothing_happened(arena)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/orders/{order}/ship", {"carrier": "DHL", "tracking_number": "1", "weight": 3}),
        ("/v1/orders/{order}/cancel", {"refund_amount": 1}),
        ("/v1/orders/{order}/deliver", {"at": "now"}),
        ("/v1/products/{product}/stock", {"delta": 1, "reason": "other", "on_hand": 5}),
        ("/v1/products", {"name": "x", "price": {"amount": 1, "currency": "USD"}, "held": 1}),
    ],
)
async def test_unknown_fields_are_refused_everywhere(arena: Arena, path: str, body: dict[str, Any]) -> None:
    address = path.format(order=NEVER, product=new_id("prd"))

    refused = await arena.post(address, body, Role.ADMIN)

    assert refused.status_code == 422, refused.text
    assert [each["code"] for each in refused.json()["errors"]] == ["extra_forbidden"]


async def test_a_body_larger_than_the_limit_is_refused_unread(arena: Arena) -> None:
    headers = await arena.headers(Role.BUYER)

    refused = await arena.http.post("/v1/orders", content=b" " * 1_000_001, headers=headers)

    assert (refused.status_code, refused.json()["code"]) == (413, "body_too_large")


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b"{'single': 1}", b"nul", b"1" * 5000])
async def test_what_is_no_json_is_refused(arena: Arena, body: bytes) -> None:
    headers = {**await arena.headers(Role.BUYER), "Content-Type": "application/json"}

    refused = await arena.http.post("/v1/orders", content=body, headers=headers)

    assert refused.status_code in {400, 422}
    assert refused.json()["code"] in {"body_malformed", "body_invalid"}
