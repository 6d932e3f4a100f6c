"""The API against its own OpenAPI document: schemathesis sends what the document allows and what it forbids."""

import asyncio
import json
import os
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from db import incidents
from db.ids import new_id
from domain.incidents import IncidentKind
from domain.orders import Role
from tests.proof.sizes import FULL, sized
from tests.support.arena import Arena
from tests.support.carts import new_cart
from tests.support.catalogue import category
from workflows.schedules import ensure_schedules

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "missing_required_header",
    "unsupported_method",
    "allow_header_conformance",
    "ignored_auth",
)
# Per operation.
EXAMPLES = sized(4, 25)
# What the document allows, value by value, is for the full size: the first ids of such a walk are nobody's anyway.
COVERAGE = "all" if FULL else "negative"
REPORT = "report.json"
PROVES = f"{EXAMPLES} examples of every operation" + (", by every role" if FULL else "")
# Nobody signs what is sent there; and nobody has the token of metrics.
NEVER_REACHED = {"POST /v1/webhooks/{provider}", "GET /metrics"}
# A stream says nothing for as long as nothing happens; tests/integration/test_live.py reads it.
LEFT_OUT = ("followOrder",)
# What buyers and sellers are for; everything else, and what is new, is called by staff. In full size everybody calls
# everything.
SHARES: dict[Role, tuple[str, ...]] = {
    Role.BUYER: (
        "placeOrder", "payOrder", "cancelOrder", "deliverOrder",
        "getOrder", "listOrders", "listOrderPayments", "getPayment", "tryDiscount",
        "createCart", "getCart", "addCartItem", "changeCartItem", "removeCartItem",
        "summarizeCart", "validateCart", "checkOutCart",
    ),
    Role.SELLER: ("createProduct", "adjustStock", "shipOrder", "listProducts", "getProduct", "verifyToken"),
}  # fmt: skip
CARDS = ["pm_card_visa", "pm_card_chargeDeclined", "pm_card_authenticationRequired"]

# Which of the dictionaries a value is drawn from.
PLACES = {
    "path.order_id": "orders",
    "path.payment_id": "payments",
    "path.product_id": "products",
    "path.incident_id": "incidents",
    "path.account_id": "accounts",
    "body.password": "passwords",
    "path.cart_id": "carts",
    "path.item_id": "items",
    "path.category_id": "categories",
    "path.discount_id": "discounts",
    "header.If-Match": "tags",
    "query.country": "countries",
    "query.shipping_method": "methods",
    "query.category": "slugs",
    "body.category": "slugs",
    "body.parent": "slugs",
    "body.fulfilment_id": "fulfilments",
    "body.items[*].product_id": "products",
    "body.product_id": "products",
    "body.shipping_address.country": "countries",
    "body.shipping_method": "methods",
    "body.payment.payment_method_id": "cards",
}


async def world(arena: Arena) -> dict[str, list[str]]:
    """Things to be found: orders in every state, one of another buyer, goods in two currencies, incidents."""
    # A system that nothing sweeps is not in health.
    await ensure_schedules(arena.temporal)
    goods = [await arena.product(on_hand=10**6), await arena.product(price=5, currency="EUR", on_hand=3)]
    orders = [(await arena.place(goods[0], capture=how)).json() for how in ("manual", "automatic", "manual")]
    orders += [(await arena.place(goods[0], card=card)).json() for card in CARDS[1:]]
    orders.append((await arena.place(goods[0], who=await arena.new_account(Role.BUYER))).json())
    await arena.command(orders[1], "ship", Role.SELLER)
    await arena.command(orders[2], "cancel")
    async with arena.database.transaction() as session:
        for order in orders:
            await incidents.report(session, IncidentKind.PAYMENT_UNKNOWN, order["id"], datetime.now(UTC))
    found = (await arena.get("/v1/incidents", Role.ADMIN))["data"]
    carts = [await new_cart(arena, (goods[0], 1)) for _ in range(3)]
    deck = await category(arena, "deck")
    await category(arena, "lights", "deck")
    terms = {"code": "SPRING", "kind": "percentage", "percent": 10}
    discount = (await arena.post("/v1/discounts", terms, Role.ADMIN)).json()
    return {
        "orders": [order["id"] for order in orders],
        "fulfilments": [each["id"] for order in orders for each in order["fulfilments"]],
        "payments": [each["id"] for order in orders for each in order["payments"]],
        "products": [*goods, new_id("prd")],
        "incidents": [each["id"] for each in found],
        "carts": [each["id"] for each in carts],
        "items": [each["items"][0]["id"] for each in carts],
        "categories": [deck["id"]],
        "discounts": [discount["id"]],
        "slugs": ["deck", "lights"],
        "accounts": [await arena.new_account(role) for role in (Role.BUYER, Role.SELLER, Role.ADMIN)],
    }


def settings(known: dict[str, list[str]]) -> str:
    """The configuration of schemathesis: ids that exist are used often, and nothing depends on earlier answers."""
    dictionaries = {
        **known,
        "passwords": ["correct horse battery staple"],
        "cards": CARDS,
        "countries": ["US", "DE"],
        "methods": ["standard"],
        "tags": ["*"],
    }
    lines = ["[generation]", "deterministic = true", f"max-examples = {EXAMPLES}"]
    lines += ['database = "none"', "[phases.fuzzing.error-feedback]", "enabled = false"]
    lines += ["[phases.coverage.generation]", f'mode = "{COVERAGE}"']
    for phase in ("examples", "coverage", "fuzzing"):
        lines += [f"[phases.{phase}.extra-data-sources]", "responses = false"]
    for name, values in dictionaries.items():
        lines += [f"[dictionaries.{name}]", f"values = {json.dumps(values)}"]
    lines.append("[parameters]")
    for place, name in PLACES.items():
        lines.append(f'"{place}" = {{ dictionary = "{name}", probability = 0.8 }}')
    return "\n".join(lines)


def scope(who: Role) -> list[str]:
    """Which operations are called, and how thoroughly."""
    if FULL:
        return ["--phases", "coverage,fuzzing,stateful", *_each("exclude", LEFT_OUT)]
    others = [*LEFT_OUT, *(each for share in SHARES.values() for each in share)]
    how, names = ("include", SHARES[who]) if who in SHARES else ("exclude", others)
    return ["--phases", "coverage,fuzzing", *_each(how, names)]


def _each(how: str, names: Iterable[str]) -> list[str]:
    return [word for name in names for word in (f"--{how}-operation-id", name)]


async def schemathesis(arena: Arena, directory: Path, who: Role) -> tuple[int | None, str]:
    """Run it as an operator would; its exit code and what it printed."""
    (directory / "schemathesis.toml").write_text(settings(await world(arena)))
    token = arena.tokens.issue(arena.people[who], who)
    words = ["--config-file", "schemathesis.toml", "run", f"{arena.http.base_url}/openapi.json", "--no-color"]
    words += ["-H", f"Authorization: Bearer {token}", "--checks", ",".join(CHECKS), "--continue-on-failure"]
    words += ["--report", "json", "--report-json-path", REPORT, *scope(who)]
    program = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "schemathesis.cli",
        *words,
        cwd=directory,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, "COLUMNS": "140"},
    )
    printed, _ = await program.communicate()
    return program.returncode, printed.decode()


def never_reached(report: Path) -> set[str]:
    """Operations of which no call got as far as to be done, or refused by the state of things."""
    rates = json.loads(report.read_text())["valid_rates"]
    return {
        operation
        for operation, phases in rates.items()
        if not any(rate["accepted"] or rate["conflicts"] for rate in phases.values())
    }


@pytest.mark.timeout(sized(300, 3600))
@pytest.mark.parametrize("who", list(Role))
async def test_the_api_is_what_its_document_says(arena: Arena, tmp_path: Path, who: Role) -> None:
    code, printed = await schemathesis(arena, tmp_path, who)

    assert code == 0, printed[-20_000:]
    # In full size everybody also calls what is not theirs.
    assert FULL or never_reached(tmp_path / REPORT) <= NEVER_REACHED
