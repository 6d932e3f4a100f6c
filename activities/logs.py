"""Structured logs: one JSON object a line on standard error, of our own code and of every library that logs."""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog
from structlog.typing import Processor
from temporalio import activity, workflow

from domain.redaction import masked

_ORDER_WORKFLOW = re.compile(r"^order/(ord_[0-7][0-9a-hjkmnp-tv-z]{25})$")
# What Temporal's own loggers say of where a line comes from.
_TEMPORAL = ("temporal_workflow", "temporal_activity")
_KEPT = ("workflow_id", "workflow_type", "activity_type", "attempt")


def configure(level_name: str) -> None:
    """Libraries are heard from warnings on; our own code from the given level on."""
    level = logging.getLevelNamesMapping()[level_name.upper()]
    # They would repeat in the text what stands in fields of its own; and a workflow's line is written by code that the
    # sandbox knows nothing of.
    workflow.logger.workflow_info_on_message = activity.logger.activity_info_on_message = False
    workflow.logger.unsafe_disable_sandbox()
    stamped: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    rendered: list[Processor] = [structlog.processors.format_exc_info, redacted, structlog.processors.JSONRenderer()]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*stamped, structlog.stdlib.add_logger_name, of_temporal],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *rendered],
        )
    )
    logging.basicConfig(level=max(level, logging.WARNING), handlers=[handler], force=True)
    logging.captureWarnings(capture=True)
    structlog.configure(
        processors=[*stamped, *rendered],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


def redacted(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Mask what looks like a secret, in whatever a line says."""
    cleaned: dict[str, Any] = masked(event)
    return cleaned


def order_of(workflow_id: str | None) -> str | None:
    """The order that a workflow carries, by the workflow's id."""
    found = _ORDER_WORKFLOW.match(workflow_id or "")
    return found[1] if found else None


def of_temporal(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Fields of what Temporal's loggers add to a record."""
    for name in _TEMPORAL:
        details = getattr(event["_record"], name, None) or {}
        event.update({key: details[key] for key in _KEPT if key in details})
    order = order_of(event.get("workflow_id"))
    if order is not None:
        event.setdefault("order_id", order)
    return event
