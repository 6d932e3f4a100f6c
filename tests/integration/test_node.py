"""What a node's answers are worth: another chain's, none, and more than was asked for."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer

from domain.errors import ChainDiffers, ProviderUnreachable
from providers.chain.node import Node, connected
from sandbox.ports import free_port
from tests.support.chains import fresh_chain


@pytest_asyncio.fixture
async def node(tmp_path: Path) -> AsyncIterator[Node]:
    async with fresh_chain(tmp_path) as made:
        yield made


async def test_a_node_of_another_chain_is_refused(node: Node) -> None:
    with pytest.raises(ChainDiffers):
        async with connected(str(node.web3.provider.endpoint_uri), 1):
            pass


async def test_a_node_that_does_not_answer_is_said_to_be_unreachable() -> None:
    with pytest.raises(ProviderUnreachable):
        async with connected(f"http://127.0.0.1:{free_port()}", 1):
            pass


async def test_no_contract_makes_us_call_an_address_of_its_own(node: Node) -> None:
    assert not node.web3.provider.global_ccip_read_enabled


async def test_blocks_that_say_more_than_others_are_read(node: Node) -> None:
    """As those of chains whose validators sign in `extraData` (https://eips.ethereum.org/EIPS/eip-225)."""
    async with wordy(str(node.web3.provider.endpoint_uri)) as rpc, connected(rpc, node.chain_id) as theirs:
        assert await theirs.block_number() == await node.block_number()


@asynccontextmanager
async def wordy(rpc: str) -> AsyncIterator[str]:
    async def relay(request: web.Request) -> web.Response:
        headers = {"Content-Type": "application/json"}
        async with ClientSession() as session, session.post(rpc, data=await request.read(), headers=headers) as answer:
            told = await answer.json()
        if isinstance(told["result"], dict) and "extraData" in told["result"]:
            told["result"]["extraData"] = "0x" + "00" * 97
        return web.json_response(told)

    app = web.Application()
    app.router.add_post("/", relay)
    async with TestServer(app) as server:
        yield str(server.make_url("/"))
