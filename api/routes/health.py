"""Health: alive, ready, and which version."""

from datetime import timedelta
from importlib.metadata import version
from typing import Literal

from fastapi import APIRouter, Response
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from temporalio.service import RPCError

from api.deps import Wired, Wiring
from domain.values import Value

router = APIRouter(tags=["Operation"])

Part = Literal["up", "down"]


class Health(Value):
    """`up` when every part is."""

    status: Part
    parts: dict[str, Part]


class Version(Value):
    version: str


@router.get("/health/live", operation_id="liveness")
async def live() -> Health:
    """The process answers."""
    return Health(status="up", parts={})


@router.get("/health/ready", operation_id="readiness", responses={503: {"model": Health}})
@router.get("/health", operation_id="health", responses={503: {"model": Health}})
async def ready(wired: Wired, response: Response) -> Health:
    """The database and Temporal answer; no provider is called."""
    parts: dict[str, Part] = {"database": await _database(wired), "temporal": await _temporal(wired)}
    status: Part = "up" if set(parts.values()) == {"up"} else "down"
    response.status_code = 200 if status == "up" else 503
    return Health(status=status, parts=parts)


@router.get("/version", operation_id="version")
async def running_version() -> Version:
    return Version(version=version("holdfast"))


async def _database(wired: Wiring) -> Part:
    try:
        async with wired.database.transaction() as session:
            await session.execute(text("SELECT 1"))
    except (OSError, SQLAlchemyError):
        return "down"
    return "up"


async def _temporal(wired: Wiring) -> Part:
    try:
        healthy = await wired.temporal.service_client.check_health(timeout=timedelta(seconds=2))
    except (RPCError, RuntimeError):
        return "down"
    return "up" if healthy else "down"
