"""Checks Stripe requests and replies against Stripe's published description (`HOLDFAST_SPECS`), in both directions."""

import json
import os
import re
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

JSON = Any


class StripeSpec:
    def __init__(self, document: JSON, examples: JSON) -> None:
        self._examples = examples
        self._document = _as_json_schema(document)
        resource = Resource.from_contents(self._document, default_specification=DRAFT202012)
        self._registry: Registry[JSON] = Registry().with_resource("urn:stripe", resource)
        # Fixed words before placeholders: /payment_intents/search is not an intent's id.
        self._paths = sorted(self._document["paths"], key=lambda path: path.count("{"))

    def problems_of_request(self, method: str, path: str, params: JSON) -> list[str]:
        operation = self._operation(method, path)
        if method == "POST":
            form = operation["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"]
        else:
            named = {each["name"]: each for each in operation["parameters"] if each["in"] == "query"}
            form = {
                "type": "object",
                "properties": {name: each["schema"] for name, each in named.items()},
                "required": [name for name, each in named.items() if each.get("required")],
                "additionalProperties": False,
            }
        return self._problems(form, self._coerced(form, params))

    def problems_of_reply(self, method: str, path: str, status: int, body: JSON) -> list[str]:
        responses = self._operation(method, path)["responses"]
        answer = responses.get(str(status), responses["default"])
        return self._problems(answer["content"]["application/json"]["schema"], body)

    def problems_of_object(self, body: JSON) -> list[str]:
        return self._problems({"$ref": f"#/components/schemas/{body['object']}"}, body)

    def example(self, kind: str) -> dict[str, JSON]:
        found: dict[str, JSON] = self._examples[kind]
        return found

    def _operation(self, method: str, path: str) -> JSON:
        for template in self._paths:
            if re.fullmatch(re.sub(r"\{[^}]+\}", "[^/]+", template), path):
                return self._document["paths"][template][method.lower()]
        raise LookupError(path)

    def _problems(self, schema: JSON, value: JSON) -> list[str]:
        anchored = json.loads(json.dumps(schema).replace('"#/', '"urn:stripe#/'))
        errors = Draft202012Validator(anchored, registry=self._registry).iter_errors(value)
        return [f"{'.'.join(map(str, error.absolute_path))}: {error.message[:300]}" for error in errors]

    def _coerced(self, schema: JSON, value: JSON) -> JSON:
        """Forms carry only text: read each as what the schema wants it to be, if it can be."""
        for choice in schema.get("anyOf", ()):
            candidate = self._coerced(choice, value)
            if not self._problems(choice, candidate):
                return candidate
        match schema.get("type"), value:
            case "integer", str() if re.fullmatch(r"-?\d+", value):
                return int(value)
            case "boolean", "true" | "false":
                return value == "true"
            case "array", list():
                return [self._coerced(schema["items"], item) for item in value]
            case "object", dict():
                fields = schema.get("properties", {})
                return {name: self._coerced(fields.get(name, {}), item) for name, item in value.items()}
        return value


def _as_json_schema(node: JSON) -> JSON:
    """OpenAPI 3.0's `nullable` in JSON Schema's words, and objects closed, so that an invented field is found."""
    if isinstance(node, list):
        return [_as_json_schema(item) for item in node]
    if not isinstance(node, dict):
        return node
    schema = {name: _as_json_schema(item) for name, item in node.items()}
    if schema.get("type") == "object" and isinstance(schema.get("properties"), dict) and schema["properties"]:
        schema.setdefault("additionalProperties", False)
    return {"anyOf": [schema, {"type": "null"}]} if schema.pop("nullable", False) is True else schema


@lru_cache
def _loaded(folder: str) -> StripeSpec:
    described, examples = (
        json.loads((Path(folder) / "stripe" / name).read_text()) for name in ("spec3.pruned.json", "reply_shapes.json")
    )
    return StripeSpec(described, examples)


def stripe_spec() -> StripeSpec | None:
    folder = os.environ.get("HOLDFAST_SPECS")
    return _loaded(folder) if folder else None


needs_specs = pytest.mark.skipif(
    not os.environ.get("HOLDFAST_SPECS"), reason="HOLDFAST_SPECS names no folder with Stripe's API description"
)
