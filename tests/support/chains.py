"""A chain of a test's own, without contracts."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from providers.chain.node import Node, connected
from sandbox.chain import CHAIN_ID, ChainNode
from sandbox.ports import free_port


@asynccontextmanager
async def fresh_chain(directory: Path, genesis: int | None = None) -> AsyncIterator[Node]:
    chain = ChainNode(directory, port=free_port(), persistent=False, genesis=genesis)
    await chain.start()
    try:
        async with connected(chain.rpc, CHAIN_ID) as node:
            yield node
    finally:
        await chain.stop()
