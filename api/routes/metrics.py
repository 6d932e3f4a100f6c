"""Metrics of this process, for a Prometheus that knows the token."""

from secrets import compare_digest
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from api.metrics import Measured
from domain.errors import RouteNotFound, TokenInvalid, TokenMissing

router = APIRouter(tags=["Operation"])

_bearer = HTTPBearer(auto_error=False, scheme_name="Metrics", description="HOLDFAST_METRICS_TOKEN.")


@router.get(
    "/metrics",
    operation_id="metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}, 404: {}},
)
def read_metrics(
    request: Request,
    measured: Measured,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
) -> Response:
    """Counters and times in the Prometheus text format; not there unless a token is set, and for that token only."""
    expected: str | None = request.app.state.metrics_token
    if expected is None:
        raise RouteNotFound
    if credentials is None:
        raise TokenMissing
    if not compare_digest(credentials.credentials.encode(), expected.encode()):
        raise TokenInvalid
    return Response(generate_latest(measured.registry), media_type=CONTENT_TYPE_LATEST)
