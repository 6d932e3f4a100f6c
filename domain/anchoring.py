"""Merkle trees of records, as the Anchor contract checks them: a root tells of all, a proof of one (S2)."""

from collections.abc import Mapping, Sequence

import rfc8785
from pydantic import JsonValue

from domain.chain import keccak256

_LEAF, _NODE = b"\x00", b"\x01"
SALT_BYTES = 32


def canonical(record: Mapping[str, JsonValue]) -> bytes:
    """As RFC 8785 writes a record, in one way; ValueError for a number beyond 2^53, which JSON doesn't keep exact."""
    return rfc8785.dumps(dict(record))


def leaf_of(salt: bytes, record: bytes) -> bytes:
    """Salt of 32 random bytes: without it nobody finds out what a leaf is of, not by trying all records either."""
    if len(salt) != SALT_BYTES:
        raise ValueError(f"a salt has {SALT_BYTES} bytes, not {len(salt)}")
    return keccak256(_LEAF + salt + record)


def _node(left: bytes, right: bytes) -> bytes:
    return keccak256(_NODE + min(left, right) + max(left, right))


class MerkleTree:
    """Leaves in their order; a node without a sibling moves up as it is."""

    def __init__(self, leaves: Sequence[bytes]) -> None:
        if not leaves:
            raise ValueError("a tree has a leaf")
        self._rows = [list(leaves)]
        while len(row := self._rows[-1]) > 1:
            above = [_node(*row[i : i + 2]) for i in range(0, len(row) - 1, 2)]
            self._rows.append(above + row[len(above) * 2 :])

    @property
    def root(self) -> bytes:
        return self._rows[-1][0]

    def proof(self, index: int) -> list[bytes]:
        """The siblings on the way from a leaf to the root; IndexError if there is no such leaf."""
        if not 0 <= index < len(self._rows[0]):
            raise IndexError(index)
        siblings = []
        for row in self._rows[:-1]:
            if (sibling := index ^ 1) < len(row):
                siblings.append(row[sibling])
            index //= 2
        return siblings


def proves(root: bytes, leaf: bytes, proof: Sequence[bytes]) -> bool:
    """Whether the leaf is in the tree with this root, as `Anchor.verify` decides it."""
    for sibling in proof:
        leaf = _node(leaf, sibling)
    return leaf == root
