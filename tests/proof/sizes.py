"""One parameter for every proof suite: small in `make test`, full in `make prove`."""

import os

FULL = os.environ.get("HOLDFAST_PROOF") == "full"


def sized(small: int, full: int) -> int:
    """How much of a suite is run."""
    return full if FULL else small
