"""The tree in Python against the Anchor contract on anvil."""

import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from domain.anchoring import MerkleTree, canonical, leaf_of
from tests.support.chains import fresh_chain
from tests.support.escrow import OnChain, on_chain

# One, a pair, a node that moves up once and twice, a full tree, and one of many.
SIZES = [1, 2, 3, 5, 8, 21]


@pytest_asyncio.fixture
async def shop(tmp_path: Path) -> AsyncIterator[OnChain]:
    async with fresh_chain(tmp_path) as node:
        yield await on_chain(node)


@pytest.mark.parametrize("size", SIZES)
async def test_each_record_of_a_batch_verifies_on_chain_and_no_other(shop: OnChain, size: int) -> None:
    records = [canonical({"order": f"ord_{number}", "amount": number, "words": "גבינה"}) for number in range(size)]
    salts = [secrets.token_bytes(32) for _ in records]
    tree = MerkleTree([leaf_of(salt, record) for salt, record in zip(salts, records, strict=True)])
    verify = shop.anchor.functions.verify

    before = await verify(tree.root, salts[0], records[0], tree.proof(0)).call()
    await shop.send(shop.anchor.functions.anchor(tree.root, secrets.token_bytes(16), size), shop.anchorer)

    assert not before
    for at, (salt, record) in enumerate(zip(salts, records, strict=True)):
        proof = tree.proof(at)
        assert await verify(tree.root, salt, record, proof).call()
        assert not await verify(tree.root, salt, record + b" ", proof).call()
        assert not await verify(tree.root, secrets.token_bytes(32), record, proof).call()
        assert not await verify(tree.root, salt, record, [*proof, salt]).call()
