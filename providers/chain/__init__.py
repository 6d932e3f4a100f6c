"""A chain: its node, the contracts on it, and the keys that sign for it."""

import sys

_DEPTH = sys.getrecursionlimit()
import py_ecc  # noqa: E402, F401 - web3 brings it along

# It lifts the limit to 100,000 when it is first imported: deeply nested JSON would end the process then, instead of
# being refused.
sys.setrecursionlimit(_DEPTH)

NAME = "chain"
