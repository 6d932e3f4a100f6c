"""The OpenAPI document: how a route refuses is read off what it takes and depends on, for FastAPI does not see it."""

from collections.abc import Callable, Iterator
from typing import Annotated, Any

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, RouteContext, iter_route_contexts
from pydantic import Field

from api.cookies import SECURE_NAME
from api.deps import Only, visitor, wiring
from api.example_answers import ANSWERS, PROBLEMS, TEXTS
from api.examples import BODIES
from api.limits import unlimited
from api.problems import MEDIA_TYPE
from api.versions import VERSION_HEADER, expected
from domain.errors import BY_CODE, DeploymentRefused
from domain.values import Value

KEY_HEADER = "Idempotency-Key"
_REF, _EXAMPLES = "#/components/schemas/", "#/components/examples/"
_SAFE = {"GET", "HEAD"}
# Our own pages' way in; what changes something has the session's CSRF token in X-CSRF-Token, and our Origin.
_SESSION = {
    "type": "apiKey",
    "in": "cookie",
    "name": SECURE_NAME,
    "description": "The cookie of POST /v1/auth/session; calls that change something also send its X-CSRF-Token.",
}
# FastAPI's own form of a 422, which is never sent.
_UNSENT = ("HTTPValidationError", "ValidationError")
_DESCRIPTIONS = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    409: "Conflict",
    412: "Precondition Failed",
    413: "Content Too Large",
    422: "Unprocessable Content",
    428: "Precondition Required",
    429: "Too Many Requests; repeat the request after `Retry-After` seconds.",
    503: "Service Unavailable; repeat the request after `Retry-After` seconds.",
}
# RFC 9110 gave these other names. FastAPI fills in Python's, which are the old ones before Python 3.13.
_RENAMED = {413, 422}
# What only the command line tells is left out.
_CODES = sorted(code for code, error in BY_CODE.items() if not issubclass(error, DeploymentRefused))


class Flaw(Value):
    """One invalid field: `pointer` leads to it (RFC 6901), its value is never repeated."""

    pointer: str
    detail: str
    code: str


class Problem(Value):
    """Why a call was refused (RFC 9457). `code` is stable; `errors` come with invalid bodies and parameters."""

    type: str
    title: str
    status: int
    detail: str
    code: Annotated[str, Field(json_schema_extra={"enum": _CODES})]
    request_id: str
    errors: tuple[Flaw, ...] = ()


class Documented(FastAPI):
    """An app whose OpenAPI document declares every refusal."""

    def openapi(self) -> dict[str, Any]:
        """Complete FastAPI's document; doing it again changes nothing."""
        document = super().openapi()
        for route in iter_route_contexts(self.routes):
            if isinstance(route.original_route, APIRoute) and route.include_in_schema:
                for method in route.methods or ():
                    _complete(document["paths"][route.path_format][method.lower()], route)
        document["components"]["securitySchemes"]["Session"] = _SESSION
        schemas = document["components"]["schemas"]
        for name in _UNSENT:
            schemas.pop(name, None)
        schemas["Problem"] = Problem.model_json_schema(ref_template=_REF + "{model}", mode="validation")
        schemas.update(schemas["Problem"].pop("$defs"))
        shown = {**ANSWERS, **{f"Problem{status}": problem for status, problem in PROBLEMS.items()}}
        document["components"]["examples"] = {name: {"value": example} for name, example in shown.items()}
        return document


def _complete(operation: dict[str, Any], route: RouteContext) -> None:
    if visitor in _calls(route.dependant) and {} not in operation["security"]:
        # Who is signed in may see more; nobody has to be.
        operation["security"].append({})
    for status in _refusals(operation, route):
        operation["responses"].setdefault(str(status), {"description": _DESCRIPTIONS[status]})
    _complete_answers(operation["responses"], operation["operationId"])
    for parameter in operation.get("parameters", ()):
        if parameter["name"] == KEY_HEADER:
            # Left out it is a 400 of its own, so the route itself takes it as optional.
            parameter["required"] = True
            parameter["schema"] = {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"}
    for content in operation.get("requestBody", {}).get("content", {}).values():
        content["example"] = BODIES.get(operation["operationId"])
    if {"HTTPBearer": []} in operation.get("security", ()):
        operation["security"].insert(1, {"Session": []})
    # Said, not left out: whoever calls it needs no token.
    operation.setdefault("security", [])


def _complete_answers(responses: dict[str, Any], operation_id: str) -> None:
    for status, response in responses.items():
        if int(status) in _RENAMED:
            response["description"] = _DESCRIPTIONS[int(status)]
        if status == "422":
            response["content"] = _problem(status)
        elif status >= "400":
            response.setdefault("content", _problem(status))
        for kind, content in response.get("content", {}).items():
            # OpenAPI 3.2's word for what a stream consists of; the document is one of 3.1.
            if content.pop("itemSchema", None) is not None:
                content["schema"] = {"type": "string"}
            if kind == "application/json":
                content["examples"] = dict(map(_shown, _schemas_of(content["schema"])))
            elif kind != MEDIA_TYPE:
                content["example"] = TEXTS[operation_id]


def _schemas_of(schema: dict[str, Any]) -> list[str]:
    """The names of what an answer can be."""
    return [each["$ref"].removeprefix(_REF) for each in schema.get("anyOf", [schema])]


def _shown(name: str) -> tuple[str, dict[str, str]]:
    return name, {"$ref": _EXAMPLES + name}


def _problem(status: str) -> dict[str, Any]:
    example = dict([_shown(f"Problem{status}")])
    return {MEDIA_TYPE: {"schema": {"$ref": _REF + "Problem"}, "examples": example}}


def _refusals(operation: dict[str, Any], route: RouteContext) -> set[int]:
    """The statuses that come of what the route takes; those of its own doing it declares itself."""
    names = {(each["in"], each["name"]) for each in operation.get("parameters", ())}
    calls = list(_calls(route.dependant))
    signed_in, changes = "security" in operation, not _SAFE & set(route.methods or ())
    rules = (
        ("requestBody" in operation, {400, 413, 422}),
        (signed_in, {401}),
        # A call by cookie that none of our pages made.
        (any(isinstance(call, Only) for call in calls) or (signed_in and changes), {403}),
        (any(where == "path" for where, _ in names), {404}),
        (("query", "starting_after") in names, {400}),
        (("header", KEY_HEADER) in names, {400, 409}),
        (("header", VERSION_HEADER) in names, {412}),
        (expected in calls, {428}),
        (wiring in calls, {503}),
        (not unlimited(route.path_format or ""), {429}),
    )
    return set[int]().union(*(statuses for applies, statuses in rules if applies))


def _calls(dependant: Dependant) -> Iterator[Callable[..., Any] | None]:
    for each in dependant.dependencies:
        yield each.call
        yield from _calls(each)
