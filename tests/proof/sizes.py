"""One parameter for every proof suite: small in `make test`, full in `make prove`."""

import os

FULL = os.environ.get("HOLDFAST_PROOF") == "full"
# What random moments are drawn from, where a suite takes only one seed.
SEED = int(os.environ.get("HOLDFAST_PROOF_SEED", "7"))


def sized(small: int, full: int) -> int:
    """How much of a suite is run."""
    return full if FULL else small
