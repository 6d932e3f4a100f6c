"""The client that speaks to Temporal, for every process of ours."""

import logging
from collections.abc import Sequence
from typing import Any

from temporalio.client import Client, Interceptor
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.envconfig import ClientConfig
from temporalio.runtime import (
    LogForwardingConfig,
    LoggingConfig,
    PrometheusConfig,
    Runtime,
    TelemetryConfig,
    TelemetryFilter,
)


async def connect(
    interceptors: Sequence[Interceptor] = (),
    *,
    metrics_address: str | None = None,
    **how: Any,  # noqa: ANN401 - as the SDK takes it
) -> Client:
    """A client by Temporal's own configuration (TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, TLS, profiles)."""
    return await Client.connect(
        **ClientConfig.load_client_connect_config(),
        data_converter=pydantic_data_converter,
        interceptors=interceptors,
        runtime=observed(metrics_address),
        **how,
    )


def observed(metrics_address: str | None = None) -> Runtime:
    """What the SDK's core logs goes where Python's logs go, and not to standard output; its metrics can be read at
    `metrics_address`, if one is given.
    """
    forwarded = LoggingConfig(
        TelemetryFilter(core_level="WARN", other_level="ERROR"),
        forwarding=LogForwardingConfig(logging.getLogger("temporalio.core")),
    )
    metrics = metrics_address and PrometheusConfig(
        metrics_address, counters_total_suffix=True, unit_suffix=True, durations_as_seconds=True
    )
    return Runtime(telemetry=TelemetryConfig(logging=forwarded, metrics=metrics or None))
