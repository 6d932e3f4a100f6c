"""What a node's answers are worth: another chain's, none, and more than was asked for."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer
from web3.types import RPCEndpoint

from domain.errors import ChainDiffers, ProviderUnreachable, RequestRefusedByProvider
from providers.chain.administration import granted
from providers.chain.node import Node, connected
from sandbox.ports import free_port
from tests.support.chains import fresh_chain
from tests.support.escrow import deployed

Message = dict[str, Any]
# What a node was asked and what it said, to what it says instead.
Change = Callable[[Message, Message], Message]


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

    def wordy(_: Message, told: Message) -> Message:
        block = told["result"]
        return {**told, "result": {**block, "extraData": "0x" + "00" * 97}} if isinstance(block, dict) else told

    async with relayed(node, wordy) as theirs:
        assert await theirs.block_number() == await node.block_number()


async def test_events_are_read_in_parts_where_a_node_does_not_tell_all_at_once(node: Node) -> None:
    deployment = await deployed(node)
    await node.web3.provider.make_request(RPCEndpoint("anvil_mine"), [hex(1_000)])

    async with relayed(node, of_no_more_blocks_than(150)) as theirs:
        in_parts = await granted(theirs, deployment)

    assert in_parts == await granted(node, deployment)
    assert in_parts.tokens == {deployment.addresses.token}


async def test_a_node_that_tells_no_events_is_not_asked_for_ever(node: Node) -> None:
    deployment = await deployed(node)

    async with relayed(node, of_no_more_blocks_than(-1)) as theirs:
        with pytest.raises(RequestRefusedByProvider, match="range is too large"):
            await granted(theirs, deployment)


def of_no_more_blocks_than(most: int) -> Change:
    def change(asked: Message, told: Message) -> Message:
        if asked["method"] != "eth_getLogs":
            return told
        blocks = asked["params"][0]
        if int(blocks["toBlock"], 16) - int(blocks["fromBlock"], 16) <= most:
            return told
        return {"jsonrpc": "2.0", "id": asked["id"], "error": {"code": -32005, "message": "range is too large"}}

    return change


@asynccontextmanager
async def relayed(node: Node, change: Change) -> AsyncIterator[Node]:
    """The same chain, by a node that answers otherwise."""
    rpc = str(node.web3.provider.endpoint_uri)

    async def relay(request: web.Request) -> web.Response:
        asked = await request.json()
        async with ClientSession() as session, session.post(rpc, json=asked) as answer:
            return web.json_response(change(asked, await answer.json()))

    app = web.Application()
    app.router.add_post("/", relay)
    async with TestServer(app) as server, connected(str(server.make_url("/")), node.chain_id) as theirs:
        yield theirs
