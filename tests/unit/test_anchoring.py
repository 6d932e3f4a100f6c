"""Merkle trees and canonical records; tests/integration/test_anchor.py holds them against the contract."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.anchoring import MerkleTree, canonical, leaf_of, proves
from domain.chain import keccak256

leaves = st.lists(st.binary(min_size=32, max_size=32), min_size=1, max_size=70)


@given(leaves)
def test_every_leaf_is_proven(given_leaves: list[bytes]) -> None:
    tree = MerkleTree(given_leaves)

    assert all(proves(tree.root, leaf, tree.proof(at)) for at, leaf in enumerate(given_leaves))


@given(leaves, st.data())
def test_no_other_leaf_is_proven(given_leaves: list[bytes], data: st.DataObject) -> None:
    tree = MerkleTree(given_leaves)
    at = data.draw(st.integers(0, len(given_leaves) - 1))
    other = data.draw(st.binary(min_size=32, max_size=32).filter(lambda leaf: leaf not in given_leaves))

    assert not proves(tree.root, other, tree.proof(at))


def test_the_tree_of_three_is_as_written_down() -> None:
    first, second, third = (bytes([each]) * 32 for each in (3, 2, 1))

    tree = MerkleTree([first, second, third])

    pair = keccak256(b"\x01" + second + first)
    assert tree.root == keccak256(b"\x01" + min(pair, third) + max(pair, third))
    assert tree.proof(2) == [pair]
    assert tree.proof(0) == [second, third]


def test_a_tree_of_one_is_its_leaf() -> None:
    tree = MerkleTree([b"\x07" * 32])

    assert (tree.root, tree.proof(0)) == (b"\x07" * 32, [])


def test_a_node_is_no_leaf() -> None:
    one, two = b"\x01" * 32, b"\x02" * 32

    assert MerkleTree([one, two]).root != leaf_of(one, two)


@pytest.mark.parametrize("index", [-1, 2])
def test_there_is_no_proof_of_a_leaf_that_is_not_there(index: int) -> None:
    with pytest.raises(IndexError):
        MerkleTree([b"\x01" * 32, b"\x02" * 32]).proof(index)


def test_a_tree_has_a_leaf() -> None:
    with pytest.raises(ValueError, match="a tree has a leaf"):
        MerkleTree([])


@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_salt_has_32_bytes(size: int) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        leaf_of(b"\x00" * size, b"{}")


def test_a_record_is_written_in_one_way() -> None:
    one = canonical({"b": [1, True, None], "a": "\u20ac\n", "\u05d0": 0, "A": {}})
    other = canonical({"A": {}, "\u05d0": 0, "a": "\u20ac\n", "b": [1, True, None]})

    assert one == other == '{"A":{},"a":"\u20ac\\n","b":[1,true,null],"\u05d0":0}'.encode()


def test_a_number_that_json_does_not_keep_exact_is_refused() -> None:
    with pytest.raises(ValueError, match="2"):
        canonical({"value": 2**53 + 1})
