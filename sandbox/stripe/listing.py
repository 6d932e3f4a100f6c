"""Lists with Stripe's cursors, the metadata search that lags, and `expand[]`."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from sandbox.stripe import forms
from sandbox.stripe.call import WORDS, Call
from sandbox.stripe.errors import InvalidRequest, NoSuchReference
from sandbox.stripe.forms import Form, Rule
from sandbox.stripe.store import Object, Store

DEFAULT_PAGE = 10
LARGEST_PAGE = 100
DEEPEST_EXPANSION = 4
COMPARISONS = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
# A filter's parameter and the column that holds it.
FILTERS = {
    "payment_intent": {"customer": "customer"},
    "charge": {"customer": "customer", "payment_intent": "payment_intent"},
    "refund": {"charge": "charge", "payment_intent": "payment_intent"},
    "customer": {"email": "label"},
    "payment_method": {"customer": "customer", "type": "label"},
    "event": {"type": "label"},
    "balance_transaction": {},
}
SEARCH = Form({**forms.EXPANDING, "query": forms.text, "limit": forms.integer, "page": forms.text}, ("query",))
CLAUSE = re.compile(
    r"""(?:metadata\[(?P<mq>['"])(?P<key>[^'"]+)(?P=mq)\]|(?P<field>status|currency|customer|amount))\s*:\s*"""
    r"""(?P<vq>['"]?)(?P<value>[^'"\s]+)(?P=vq)"""
)


def form_for(kind: str) -> Form:
    filters: dict[str, Rule] = dict.fromkeys(FILTERS[kind], forms.text)
    types: dict[str, Rule] = {"types": forms.texts} if kind == "event" else {}
    return Form({**forms.PAGE, **filters, **types})


def listing(kind: str, path: str) -> Callable[[Call], Object]:
    def list_(call: Call) -> Object:
        limit = _limit(call)
        where, values = _filters(call, kind)
        cursor, cursor_values, order = _cursor(call, kind)
        rows = call.store.select(
            kind,
            where=where + cursor,
            values=(*values, *cursor_values, limit + 1),
            tail=f"ORDER BY seq {order} LIMIT ?",
        )
        page = rows[:limit]
        if order == "ASC":
            page.reverse()
        return {"object": "list", "data": page, "has_more": len(rows) > limit, "url": path}

    return list_


def customer_methods(call: Call) -> Object:
    call.named("customer")
    call.params["customer"] = call.target
    return listing("payment_method", f"/v1/customers/{call.target}/payment_methods")(call)


def search(call: Call) -> Object:
    """Finds nothing younger than `search_lag_ms`: as at Stripe, an empty answer proves nothing."""
    limit = _limit(call)
    wanted = [_condition(part) for part in re.split(r"\s+AND\s+", call.params["query"].strip())]
    before = call.store.now() - call.script.search_lag_ms / 1000
    where = "AND created <= ?" + "".join(condition for condition, _ in wanted)
    values: list[Any] = [before]
    for _, compared in wanted:
        values.extend(compared)
    skipped = _page_start(call.params.get("page"))
    rows = call.store.select(
        "payment_intent",
        where=where,
        values=(*values, limit + 1, skipped),
        tail="ORDER BY seq DESC LIMIT ? OFFSET ?",
    )
    more = len(rows) > limit
    return {
        "object": "search_result",
        "data": rows[:limit],
        "has_more": more,
        "next_page": str(skipped + limit) if more else None,
        "url": "/v1/payment_intents/search",
    }


def expand(store: Store, body: Object, paths: list[str]) -> Object:
    for path in paths:
        steps = path.split(".")
        if len(steps) > DEEPEST_EXPANSION:
            raise InvalidRequest("You cannot expand more than 4 levels of a property.", param="expand")
        if not _expand(store, body, steps):
            message = f"This property cannot be expanded ({path})."
            raise InvalidRequest(message, code="property_cannot_be_expanded", param="expand")
    return body


def _expand(store: Store, body: Object, steps: list[str]) -> bool:
    name, rest = steps[0], steps[1:]
    if name == "data" and isinstance(body.get("data"), list):
        return all(_expand(store, item, rest) for item in body["data"])
    if name == "refunds" and body.get("object") == "charge":
        body["refunds"] = _refunds_of(store, body)
        return True
    if name not in body:
        return False
    value = body[name]
    if isinstance(value, str):
        found = store.find_any(value)
        if found is None:
            return False
        value = body[name] = found
    if value is None:
        return True
    return isinstance(value, dict) and (not rest or _expand(store, value, rest))


def _refunds_of(store: Store, charge: Object) -> Object:
    rows = store.select("refund", where="AND charge = ?", values=(charge["id"],), tail="ORDER BY seq DESC LIMIT 11")
    url = f"/v1/charges/{charge['id']}/refunds"
    return {"object": "list", "data": rows[:10], "has_more": len(rows) > DEFAULT_PAGE, "url": url}


def _limit(call: Call) -> int:
    limit = int(call.params.get("limit", DEFAULT_PAGE))
    if not 1 <= limit <= LARGEST_PAGE:
        bound = "greater than or equal to 1" if limit < 1 else f"less than or equal to {LARGEST_PAGE}"
        raise InvalidRequest(f"This value must be {bound} (it currently is '{limit}').", param="limit")
    return limit


def _filters(call: Call, kind: str) -> tuple[str, list[Any]]:
    where, values = "", []
    for param, column in FILTERS[kind].items():
        if call.params.get(param):
            where += f" AND {column} = ?"
            values.append(call.params[param])
    if call.params.get("types"):
        where += f" AND label IN ({', '.join('?' * len(call.params['types']))})"
        values.extend(call.params["types"])
    window: Mapping[str, int] = call.params.get("created", {})
    for name, moment in window.items():
        # `created` is kept finer than the whole seconds that Stripe shows and compares.
        where += f" AND CAST(created AS INTEGER) {COMPARISONS[name]} ?"
        values.append(moment)
    return where, values


def _cursor(call: Call, kind: str) -> tuple[str, list[Any], str]:
    if call.params.get("starting_after"):
        return " AND seq < ?", [_place(call, kind, "starting_after")], "DESC"
    if call.params.get("ending_before"):
        return " AND seq > ?", [_place(call, kind, "ending_before")], "ASC"
    return "", [], "DESC"


def _place(call: Call, kind: str, param: str) -> int:
    seq = call.store.seq_of(kind, call.params[param])
    if seq is None:
        raise NoSuchReference(WORDS.get(kind, kind), call.params[param], param)
    return seq


def _page_start(page: str | None) -> int:
    if page is not None and not page.isdigit():
        raise InvalidRequest("Invalid page: it must come from `next_page`.", param="page")
    return int(page or 0)


def _condition(part: str) -> tuple[str, list[Any]]:
    match = CLAUSE.fullmatch(part.strip())
    if match is None:
        message = f"The sandbox's search knows metadata['key']:'value' and status, currency, customer, amount: {part}"
        raise InvalidRequest(message, param="query")
    if match["key"]:
        # Bound as a value, for json_extract's own path syntax trips over keys with dots.
        return " AND EXISTS (SELECT 1 FROM json_each(body, '$.metadata') WHERE key = ? AND value = ?)", [
            match["key"],
            match["value"],
        ]
    return f" AND CAST(json_extract(body, '$.{match['field']}') AS TEXT) = ?", [match["value"]]
