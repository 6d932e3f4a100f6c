"""Health: alive, ready, whole, and which version."""

from collections.abc import Mapping
from importlib.metadata import version
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Request, Response

from api.checks import READY, Check, Checks, Part
from api.deps import Wired
from domain.values import Value

router = APIRouter(tags=["Operation"])


class Health(Value):
    """`up` when every part is."""

    status: Literal["up", "down"]
    parts: dict[str, Part]


class Version(Value):
    version: str


def checks(request: Request) -> Checks:
    held: Checks = request.app.state.checks
    return held


Looks = Annotated[Checks, Depends(checks)]


@router.get("/health/live", operation_id="liveness")
async def live() -> Health:
    """The process answers."""
    return Health(status="up", parts={})


@router.get("/health/ready", operation_id="readiness", responses={503: {"model": Health}})
async def ready(wired: Wired, looks: Looks, response: Response) -> Health:
    """Orders can be taken: the database and Temporal answer. No provider is called."""
    return await _health(wired, looks, READY, response)


@router.get("/health", operation_id="health", responses={503: {"model": Health}})
async def health(wired: Wired, looks: Looks, response: Response) -> Health:
    """Orders can be taken and carried on: also the schema, the workers of every queue, and the sweep."""
    return await _health(wired, looks, looks.whole, response)


@router.get("/version", operation_id="version")
async def running_version() -> Version:
    return Version(version=version("holdfast"))


async def _health(wired: Wired, looks: Checks, wanted: Mapping[str, Check], response: Response) -> Health:
    parts = await looks.parts(wired, wanted)
    down = any(part.status == "down" for part in parts.values())
    response.status_code = 503 if down else 200
    return Health(status="down" if down else "up", parts=parts)
