"""What anvil knows, in a file from which it starts again. anvil writes one itself, but over the one that is there, so a
kill at the wrong moment would leave half of it.
"""

import asyncio
import zlib
from contextlib import suppress
from pathlib import Path

import httpx2

from sandbox.kept_secrets import write_privately

_EVERY = 1.0
_GZIP = 16 + zlib.MAX_WBITS


class ChainState:
    """Of the node at `rpc`, written whenever there is a new block: a node that is killed forgets its last second."""

    def __init__(self, rpc: str, file: Path) -> None:
        self._rpc = rpc
        self._file = file
        self._block = ""
        self._ending = asyncio.Event()
        self._keeping = asyncio.create_task(self._keep(), name="chain state")

    async def finish(self) -> None:
        """Write it once more, if the node is still there, and no more then."""
        self._ending.set()
        await self._keeping

    async def _keep(self) -> None:
        async with httpx2.AsyncClient(timeout=None) as client:
            # A node that died is seen by who looks after it.
            with suppress(httpx2.NetworkError, httpx2.RemoteProtocolError):
                while True:
                    ending = self._ending.is_set()
                    await self._write(client)
                    if ending:
                        return
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self._ending.wait(), _EVERY)

    async def _write(self, client: httpx2.AsyncClient) -> None:
        block = await self._ask(client, "eth_blockNumber")
        if block != self._block:
            dumped = bytes.fromhex((await self._ask(client, "anvil_dumpState")).removeprefix("0x"))
            await asyncio.to_thread(write_privately, self._file, zlib.decompress(dumped, _GZIP).decode())
            self._block = block

    async def _ask(self, client: httpx2.AsyncClient, method: str) -> str:
        message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": []}
        return str((await client.post(self._rpc, json=message)).raise_for_status().json()["result"])
