"""Versions of what people change: ETag out, If-Match in (RFC 9110, 13.1.1)."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Header

from domain.errors import IfMatchRequired, VersionChanged

VERSION_HEADER = "If-Match"
_ANY = "*"


def etag(version: int) -> dict[str, str]:
    """The header that names a version."""
    return {"ETag": f'"{version}"'}


@dataclass(frozen=True, slots=True)
class Expectation:
    """The versions of which the caller believes that one is current; without any, every version is right."""

    tags: frozenset[str]

    def check(self, version: int) -> None:
        """Raises VersionChanged; a weak tag never matches."""
        if self.tags and self.tags.isdisjoint({_ANY, f'"{version}"'}):
            raise VersionChanged(version=version)


def welcome(
    given: Annotated[
        str | None, Header(alias=VERSION_HEADER, max_length=1000, description="The ETag of what was read.")
    ] = None,
) -> Expectation:
    return Expectation(frozenset(tag.strip() for tag in (given or "").split(",")) - {""})


def expected(expectation: Annotated[Expectation, Depends(welcome)]) -> Expectation:
    """Raises IfMatchRequired."""
    if not expectation.tags:
        raise IfMatchRequired
    return expectation


# For changes that may overwrite another's, and for those that only add.
IfMatch = Annotated[Expectation, Depends(expected)]
MaybeIfMatch = Annotated[Expectation, Depends(welcome)]
