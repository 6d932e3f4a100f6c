"""The OpenAPI document is a promise: it changes only with its snapshot."""

import json
import os
from pathlib import Path

from fastapi import FastAPI

from api.app import create_app
from api.deps import Wiring

SNAPSHOT = Path(__file__).parents[2] / "docs" / "openapi.json"


def document() -> dict[str, object]:
    # The document is made from the routes alone; nothing in the wiring is touched.
    app: FastAPI = create_app(Wiring.__new__(Wiring))
    return app.openapi()


def test_the_document_is_the_snapshot() -> None:
    current = json.dumps(document(), indent=1, sort_keys=True) + "\n"
    if os.environ.get("HOLDFAST_RECORD"):
        SNAPSHOT.write_text(current)

    assert SNAPSHOT.read_text() == current, "run `make openapi` and review the difference"


def test_every_operation_has_an_id_of_its_own() -> None:
    paths = document()["paths"]
    assert isinstance(paths, dict)
    ids = [operation["operationId"] for path in paths.values() for operation in path.values()]

    assert len(ids) == len(set(ids))
    assert all(identity.isidentifier() and "_" not in identity for identity in ids), ids
