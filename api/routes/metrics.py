"""Metrics of this process, for a Prometheus that knows the token."""

from secrets import compare_digest
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from api.metrics import Measured
from domain.errors import TokenInvalid, TokenMissing

router = APIRouter(tags=["Operation"])

_bearer = HTTPBearer(auto_error=False, scheme_name="Metrics", description="HOLDFAST_METRICS_TOKEN.")


@router.get(
    "/metrics",
    operation_id="metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
def read_metrics(
    request: Request,
    measured: Measured,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
) -> Response:
    """Counters and times in the Prometheus text format, for the token that is set; for nobody while none is."""
    expected: str | None = request.app.state.metrics_token
    if credentials is None:
        raise TokenMissing
    if expected is None or not compare_digest(credentials.credentials.encode(), expected.encode()):
        raise TokenInvalid
    return Response(generate_latest(measured.registry), media_type=CONTENT_TYPE_LATEST)
