"""The OpenAPI document is a promise: it changes only with its snapshot."""

import json
import os
import re
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from jsonschema import Draft202012Validator

from api.app import create_app
from api.collection import collection
from api.deps import Wiring
from api.examples import BODIES, QUERIES

DOCS = Path(__file__).parents[2] / "docs"
SNAPSHOT, COLLECTION = DOCS / "openapi.json", DOCS / "postman_collection.json"


def document() -> dict[str, Any]:
    # The document is made from the routes alone; nothing in the wiring is touched.
    app: FastAPI = create_app(Wiring.__new__(Wiring))
    return app.openapi()


def test_the_document_is_the_snapshot() -> None:
    current = json.dumps(document(), indent=1, sort_keys=True) + "\n"
    if os.environ.get("HOLDFAST_RECORD"):
        SNAPSHOT.write_text(current)

    assert SNAPSHOT.read_text() == current, "run `make openapi` and review the difference"


def test_the_collection_is_made_of_the_document() -> None:
    current = json.dumps(collection(document()), indent=1) + "\n"
    if os.environ.get("HOLDFAST_RECORD"):
        COLLECTION.write_text(current)

    assert COLLECTION.read_text() == current, "run `make openapi` and review the difference"


def test_the_collection_uses_no_variable_that_nothing_in_it_sets() -> None:
    made = collection(document())
    used = set(re.findall(r"\{\{(\w+)}}", json.dumps(made)))

    assert used == {each["key"] for each in made["variable"]}


def test_every_body_has_an_example_that_its_schema_takes() -> None:
    described = document()
    bodies = {
        operation["operationId"]: content
        for path in described["paths"].values()
        for operation in path.values()
        for content in operation.get("requestBody", {}).get("content", {}).values()
    }

    assert set(BODIES) == set(bodies)
    for name, content in bodies.items():
        schema = {**content["schema"], "components": described["components"]}
        assert list(Draft202012Validator(schema).iter_errors(content["example"])) == [], name


def test_every_answer_has_an_example_that_its_schema_takes() -> None:
    described = document()
    components, seen = described["components"], set()
    for path in described["paths"].values():
        for operation in path.values():
            for status, answer in operation["responses"].items():
                for kind, content in answer.get("content", {}).items():
                    where = (operation["operationId"], status, kind)
                    if "example" in content:
                        assert isinstance(content["example"], str), where
                        continue
                    assert content["examples"], where
                    for name in content["examples"]:
                        seen.add(name)
                        schema = {**content["schema"], "components": components}
                        example = components["examples"][name]["value"]
                        assert [each.message for each in Draft202012Validator(schema).iter_errors(example)] == [], where

    assert seen == set(components["examples"])


def test_every_operation_has_examples_of_the_query_that_it_can_not_do_without() -> None:
    asked = {
        (operation["operationId"], each["name"])
        for path in document()["paths"].values()
        for operation in path.values()
        for each in operation.get("parameters", ())
        if each["in"] == "query" and each["required"]
    }

    assert {(operation, name) for operation, query in QUERIES.items() for name in query} == asked


def test_every_operation_has_an_id_of_its_own() -> None:
    paths = document()["paths"]
    assert isinstance(paths, dict)
    ids = [operation["operationId"] for path in paths.values() for operation in path.values()]

    assert len(ids) == len(set(ids))
    assert all(identity.isidentifier() and "_" not in identity for identity in ids), ids
