"""The OpenAPI document as a Postman collection (v2.1.0), which Bruno and others read too; `make openapi` writes it.

Tokens and ids are variables: the replies that have them set them, so that the requests of a folder can be sent one
after the other. https://schema.postman.com/collection/json/v2.1.0/draft-07/docs/index.html
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

from api import examples

_SCHEMA = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"
# Where a reply has what later requests want, by operation: variable, and the way to it in the reply.
_TOLD = {
    "logIn": {"access_token": "access_token", "refresh_token": "refresh_token"},
    "refreshToken": {"access_token": "access_token", "refresh_token": "refresh_token"},
    "openSession": {"csrf_token": "csrf_token"},
    "listProducts": {"product_id": "data[0].id"},
    "createProduct": {"product_id": "id"},
    "createCategory": {"category_id": "id"},
    "createCart": {"cart_id": "id"},
    "addCartItem": {"cart_id": "id", "item_id": "items[0].id"},
    "checkOutCart": {"order_id": "id", "payment_id": "payments[0].id"},
    "listOrders": {"order_id": "data[0].id"},
    "placeOrder": {"order_id": "id", "payment_id": "payments[0].id"},
    "getOrder": {"order_id": "id", "payment_id": "payments[0].id"},
    "listPayments": {"payment_id": "data[0].id"},
    "createDiscount": {"discount_id": "id"},
    "listDiscounts": {"discount_id": "data[0].id"},
    "listIncidents": {"incident_id": "data[0].id"},
    # Nobody changes an account of their own.
    "listAccounts": {"account_id": "data.find((each) => each.role !== 'admin')?.id"},
}
# What stands in examples, and the variable in its place.
_VARIABLES = {
    examples.PRODUCT: "product_id",
    examples.ORDER: "order_id",
    examples.PAYMENT: "payment_id",
    examples.EMAIL: "email",
    examples.NEW_EMAIL: "$randomEmail",
    examples.PASSWORD: "password",
    examples.BODIES["refreshToken"]["refresh_token"]: "refresh_token",
}
_PRESET = {"base_url": "http://127.0.0.1:8080", "email": examples.EMAIL, "password": ""}
_HOW = """

Set `password`, send Log In, then List Products, then Place Order, one by one; a login lasts a quarter of an hour. \
With another `email` you are somebody else: seller@example.com, admin@example.com. The last folder ends sessions and \
accounts."""
# What nobody wants in the middle of a run.
_LAST, _ENDING = "Ends sessions and accounts", {"logOut", "endSession", "eraseMe"}
# A stream does not end: clients of collections would wait for it. What a provider tells us only it can sign.
_LEFT_OUT = {"followOrder", "receiveWebhook"}
# Before the requests that need what it opens.
_FIRST = {"openSession"}
# Whose bearer is not the logged-in one.
_BEARERS = {"metrics": "metrics_token"}
# What a browser's page sends by itself, or by our own script.
_HEADERS = {"endSession": {"Origin": "{{base_url}}", "X-CSRF-Token": "{{csrf_token}}"}}


def collection(document: dict[str, Any]) -> dict[str, Any]:
    """A folder for each tag, a request for each operation; the same document makes the same collection."""
    folders: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    requests = [
        (path, method, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if operation["operationId"] not in _LEFT_OUT
    ]
    for path, method, operation in sorted(requests, key=_turn):
        folder = _LAST if operation["operationId"] in _ENDING else operation["tags"][0]
        folders[folder].append(_request(path, method.upper(), operation))
    folders[_LAST] = folders.pop(_LAST)
    names = sorted({*_PRESET, *_BEARERS.values(), *(name for told in _TOLD.values() for name in told)})
    description = document["info"]["description"] + _HOW
    return {
        "info": {"name": document["info"]["title"], "description": description, "schema": _SCHEMA},
        "auth": _bearer("access_token"),
        "variable": [{"key": name, "value": _PRESET.get(name, "")} for name in names],
        "item": [{"name": tag, "item": items} for tag, items in folders.items()],
    }


def _turn(request: tuple[str, str, dict[str, Any]]) -> int:
    """What is taken away again comes after everything that is done with it."""
    _, method, operation = request
    return 0 if operation["operationId"] in _FIRST else 2 if method == "delete" else 1


def _bearer(variable: str) -> dict[str, Any]:
    return {"type": "bearer", "bearer": [{"key": "token", "value": f"{{{{{variable}}}}}", "type": "string"}]}


def _request(path: str, method: str, operation: dict[str, Any]) -> dict[str, Any]:
    address = re.sub(r"\{(\w+)\}", r"{{\1}}", path)
    query = examples.QUERIES.get(operation["operationId"], {})
    request: dict[str, Any] = {
        "method": method,
        "url": _url(address, query),
        "header": list(_headers(operation)),
        "description": operation.get("description", operation["summary"]),
    }
    if not operation["security"]:
        request["auth"] = {"type": "noauth"}
    if operation["operationId"] in _BEARERS:
        request["auth"] = _bearer(_BEARERS[operation["operationId"]])
    body = examples.BODIES.get(operation["operationId"])
    if body is not None:
        request["body"] = {"mode": "raw", "raw": _with_variables(body), "options": {"raw": {"language": "json"}}}
    item = {"name": operation["summary"], "request": request}
    told = _TOLD.get(operation["operationId"])
    if told:
        item["event"] = [{"listen": "test", "script": {"type": "text/javascript", "exec": list(_keeping(told))}}]
    return item


def _url(address: str, query: dict[str, str]) -> dict[str, Any]:
    asked = f"?{urlencode(query)}" if query else ""
    url = {"raw": f"{{{{base_url}}}}{address}{asked}", "host": ["{{base_url}}"], "path": address.strip("/").split("/")}
    return url | ({"query": [{"key": key, "value": value} for key, value in query.items()]} if query else {})


def _headers(operation: dict[str, Any]) -> Iterator[dict[str, str]]:
    if "requestBody" in operation:
        yield {"key": "Content-Type", "value": "application/json"}
    if any(each["name"] == "Idempotency-Key" for each in operation.get("parameters", ())):
        yield {"key": "Idempotency-Key", "value": "{{$guid}}"}
    if any(each["name"] == "If-Match" for each in operation.get("parameters", ())):
        # Whatever the version is: a page of one's own sends the one that it showed.
        yield {"key": "If-Match", "value": "*"}
    for key, value in _HEADERS.get(operation["operationId"], {}).items():
        yield {"key": key, "value": value}


def _with_variables(body: Any) -> str:  # noqa: ANN401 - JSON
    text = json.dumps(body, indent=2)
    for value, name in _VARIABLES.items():
        text = text.replace(json.dumps(value), f'"{{{{{name}}}}}"')
    return text


def _keeping(told: dict[str, str]) -> Iterator[str]:
    yield "if (pm.response.code < 300) {"
    yield "  const said = pm.response.json();"
    for name, way in told.items():
        reached = "said?." + way.replace("[", "?.[").replace("].", "]?.")
        yield f'  pm.collectionVariables.set("{name}", {reached} ?? pm.collectionVariables.get("{name}"));'
    yield "}"
