"""The port to traces. Names and attributes of spans hold ids, codes and counts, and nothing about a person."""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol


class Span(Protocol):
    """A stretch of work that is under way."""

    @property
    def trace_id(self) -> str | None:
        """In hexadecimal, as traces are looked up by it; None when nothing is traced."""
        ...

    def tell(self, name: str, **attributes: str | int) -> None:
        """Its name, and what is known by now."""
        ...


class Tracer(Protocol):
    """Opens spans: each is the child of the one that is current."""

    def entered(self, carrier: Mapping[str, str]) -> AbstractContextManager[Span]:
        """A request that came in; `carrier` holds its caller's trace (W3C Trace Context), if that may be believed."""
        ...

    def calling(self, name: str) -> AbstractContextManager[Span]:
        """A call to somebody else."""
        ...

    def close(self) -> None:
        """Hand over what is left; it may take some seconds."""
        ...


class _NoSpan:
    trace_id = None

    def tell(self, name: str, **attributes: str | int) -> None:
        pass


class NoTracer:
    """Nothing is traced."""

    def entered(self, carrier: Mapping[str, str]) -> AbstractContextManager[Span]:  # noqa: ARG002 - the port's signature
        return nullcontext(_NoSpan())

    def calling(self, name: str) -> AbstractContextManager[Span]:  # noqa: ARG002 - the port's signature
        return nullcontext(_NoSpan())

    def close(self) -> None:
        pass
