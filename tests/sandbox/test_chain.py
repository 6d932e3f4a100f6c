"""The launcher of the chain, on real nodes."""

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from signal import SIGKILL

import pytest

from providers.chain.condition import condition
from providers.chain.deployments import Deployment
from providers.chain.node import Node, connected
from sandbox.chain import ACCOUNTS, CHAIN_ID, ChainNode
from sandbox.errors import ServerRefused
from sandbox.ports import free_port
from tests.sandbox.waiting import alive, until


def chain_on(directory: Path, *, persistent: bool = True) -> ChainNode:
    return ChainNode(directory / "chain", port=free_port(), persistent=persistent, contracts=directory / "deployments")


@pytest.fixture
async def chain(tmp_path: Path) -> AsyncIterator[ChainNode]:
    running = chain_on(tmp_path)
    await running.start()
    yield running
    await running.stop()


async def on(chain: ChainNode, ask: Callable[[Node], Awaitable[int]]) -> int:
    async with connected(chain.rpc, CHAIN_ID) as node:
        return await ask(node)


async def sent(node: Node) -> int:
    return await node.web3.eth.get_transaction_count(node.web3.to_checksum_address(ACCOUNTS["admin"].address))


async def mine(node: Node) -> int:
    await node.web3.provider.make_request("anvil_mine", ["0x5"])
    return await node.block_number()


def recorded(chain: ChainNode) -> Deployment:
    assert chain.contracts is not None
    found = Deployment.of(chain.contracts, CHAIN_ID)
    assert found is not None
    return found


def kept(chain: ChainNode) -> int:
    return int(json.loads((chain.directory / "state.json").read_text())["best_block_number"])


async def test_once_started_our_contracts_are_there(chain: ChainNode) -> None:
    async with connected(chain.rpc, CHAIN_ID) as node:
        assert (await condition(node, recorded(chain))).right


async def test_what_is_older_than_a_moment_survives_kill_9(chain: ChainNode) -> None:
    block, transactions = await on(chain, mine), await on(chain, sent)
    before = recorded(chain)
    await until(lambda: kept(chain) == block)
    killed = chain.pid

    os.kill(killed, SIGKILL)
    assert await chain.wait() == -SIGKILL
    await chain.start()

    assert chain.pid != killed
    assert await on(chain, Node.block_number) == block
    assert await on(chain, sent) == transactions
    assert recorded(chain) == before


async def test_a_chain_that_is_stopped_forgets_nothing(tmp_path: Path) -> None:
    first, second = chain_on(tmp_path), chain_on(tmp_path)
    await first.start()
    block = await on(first, mine)
    await first.stop()

    await second.start()

    try:
        assert await on(second, Node.block_number) == block
        assert not alive(first.pid)
    finally:
        await second.stop()


async def test_a_chain_that_lost_everything_has_the_same_contracts_again(tmp_path: Path) -> None:
    chain = chain_on(tmp_path, persistent=False)
    await chain.start()
    before = recorded(chain)
    await chain.kill()

    await chain.start()

    try:
        assert recorded(chain).addresses == before.addresses
        async with connected(chain.rpc, CHAIN_ID) as node:
            assert (await condition(node, recorded(chain))).right
    finally:
        await chain.stop()


async def test_a_state_that_can_not_be_read_is_told(tmp_path: Path) -> None:
    chain = chain_on(tmp_path)
    (tmp_path / "chain").mkdir()
    (tmp_path / "chain" / "state.json").write_text("{")

    with pytest.raises(Exception, match="chain ended") as refused:
        await chain.start()

    assert not isinstance(refused.value, ServerRefused)
    await chain.stop()


def test_what_the_chain_needs_leaves_the_depth_of_recursion_alone() -> None:
    # Deeply nested JSON would end the process otherwise, instead of being refused.
    told = "import sys; before = sys.getrecursionlimit(); import {}; print(before == sys.getrecursionlimit())"

    for module in ("cli.chain", "providers.chain.keys", "sandbox.chain"):
        ran = subprocess.run([sys.executable, "-c", told.format(module)], capture_output=True, text=True, check=True)
        assert ran.stdout == "True\n", module
    assert sys.getrecursionlimit() < 10_000
