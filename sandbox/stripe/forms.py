"""Reading and checking what a client sends: bracketed forms, known parameters, Stripe's refusals."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from sandbox.stripe.errors import InvalidRequest, missing, unknown

Sent = Any  # text, or lists and hashes of it: what it should be is for the rules to say
Rule = Callable[[str, Sent], Any]
Params = dict[str, Any]

BRACKETED = re.compile(r"\[([^\[\]]*)\]")
MOST_METADATA_KEYS = 50
LONGEST_METADATA_KEY = 40
LONGEST_METADATA_VALUE = 500


def parse(text: str) -> Params:
    """`a[b][0]=x` becomes `{"a": {"b": ["x"]}}`; of contradicting pairs the last one stands."""
    root: Params = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        head, bracket, rest = name.partition("[")
        steps = [head, *BRACKETED.findall(bracket + rest)]
        node = root
        for step in steps[:-1]:
            inner = node.get(step)
            if not isinstance(inner, dict):
                inner = node[step] = {}
            node = inner
        node[steps[-1] or str(len(node))] = value
    return {name: _with_lists(value) for name, value in root.items()}


def _with_lists(value: Sent) -> Sent:
    if not isinstance(value, dict):
        return value
    if value and all(place.isdigit() for place in value):
        return [_with_lists(value[place]) for place in sorted(value, key=int)]
    return {name: _with_lists(inner) for name, inner in value.items()}


def integer(name: str, raw: Sent) -> int:
    if not isinstance(raw, str) or not re.fullmatch(r"-?\d{1,18}", raw):
        raise InvalidRequest(f"Invalid integer: {raw}", code="parameter_invalid_integer", param=name)
    return int(raw)


def positive(name: str, raw: Sent) -> int:
    value = integer(name, raw)
    if value < 1:
        message = "This value must be greater than or equal to 1."
        raise InvalidRequest(message, code="parameter_invalid_integer", param=name)
    return value


def boolean(name: str, raw: Sent) -> bool:
    if raw not in {"true", "false"}:
        raise InvalidRequest(f"Invalid boolean: {raw}", param=name)
    return bool(raw == "true")


def text(name: str, raw: Sent) -> str | None:
    if not isinstance(raw, str):
        raise InvalidRequest(f"Invalid string: {raw}", param=name)
    return raw or None


def limited(longest: int) -> Rule:
    def rule(name: str, raw: Sent) -> str | None:
        value = text(name, raw)
        if value is not None and len(value) > longest:
            message = f"Invalid string: {value[:8]}...; must be at most {longest} characters"
            raise InvalidRequest(message, code="parameter_invalid_string_too_long", param=name)
        return value

    return rule


def choice(*allowed: str) -> Rule:
    def rule(name: str, raw: Sent) -> str | None:
        if raw not in allowed:
            raise InvalidRequest(f"Invalid {name}: must be one of {', '.join(filter(None, allowed))}", param=name)
        return str(raw) or None

    return rule


def texts(name: str, raw: Sent) -> list[str]:
    if not isinstance(raw, list) or not all(isinstance(item, str) for item in raw):
        raise InvalidRequest("Invalid array", param=name)
    return raw


def metadata(name: str, raw: Sent) -> dict[str, str]:
    if raw == "":
        return {"": ""}
    if not isinstance(raw, dict) or not all(isinstance(value, str) for value in raw.values()):
        raise InvalidRequest("Invalid metadata: must be a hash of strings", param=name)
    if len(raw) > MOST_METADATA_KEYS:
        raise InvalidRequest(f"Metadata can have up to {MOST_METADATA_KEYS} keys", param=name)
    for key, value in raw.items():
        if len(key) > LONGEST_METADATA_KEY or len(value) > LONGEST_METADATA_VALUE:
            message = f"Metadata keys can have up to {LONGEST_METADATA_KEY} characters, values {LONGEST_METADATA_VALUE}"
            raise InvalidRequest(message, param=f"{name}[{key}]")
    return raw


def merged_metadata(old: Mapping[str, str], sent: Mapping[str, str]) -> dict[str, str]:
    """An empty value removes its key; `metadata=` alone (read as one empty key) removes all."""
    if "" in sent:
        return {}
    return {key: value for key, value in {**old, **sent}.items() if value != ""}


def anything(_: str, raw: Sent) -> Sent:
    return raw


def hash_of(form: "Form") -> Rule:
    def rule(name: str, raw: Sent) -> Params:
        if not isinstance(raw, dict):
            raise InvalidRequest("Invalid object", param=name)
        return form.read(raw, within=name)

    return rule


@dataclass(frozen=True, slots=True)
class Form:
    fields: Mapping[str, Rule]
    required: tuple[str, ...] = field(default=())

    def read(self, raw: Mapping[str, Any], within: str = "") -> Params:
        def named(name: str) -> str:
            return f"{within}[{name}]" if within else name

        for name in raw:
            if name not in self.fields:
                raise unknown(named(name))
        for name in self.required:
            if raw.get(name) in {None, ""}:
                raise missing(named(name))
        return {name: self.fields[name](named(name), value) for name, value in raw.items()}


_MOMENTS: Mapping[str, Rule] = dict.fromkeys(("gt", "gte", "lt", "lte"), integer)


def created_window(name: str, raw: Sent) -> dict[str, int]:
    if isinstance(raw, str):
        moment = integer(name, raw)
        return {"gte": moment, "lte": moment}
    return dict(hash_of(Form(_MOMENTS))(name, raw))


ADDRESS: Mapping[str, Rule] = dict.fromkeys(("city", "country", "line1", "line2", "postal_code", "state"), text)
SHIPPING: Mapping[str, Rule] = {
    "address": hash_of(Form(ADDRESS)),
    "name": text,
    "phone": text,
    "carrier": text,
    "tracking_number": text,
}
BILLING: Mapping[str, Rule] = {"address": hash_of(Form(ADDRESS)), "email": text, "name": text, "phone": text}
EXPANDING: Mapping[str, Rule] = {"expand": texts}
PAGE: Mapping[str, Rule] = {
    **EXPANDING,
    "limit": integer,
    "starting_after": text,
    "ending_before": text,
    "created": created_window,
}
