"""A chain of its own: anvil, loopback only, its state in one file or in memory; anyone may sign as its accounts."""

import asyncio
import shutil
from pathlib import Path

from sandbox.children import Child, Program
from sandbox.errors import PackageMissing
from sandbox.ports import LOOPBACK

CHAIN_ID = 31337
_PACKAGES = Path(__file__).parents[1] / "contracts" / "node_modules" / ".bin"
_OPTIONS = (
    "--silent",
    # Blocks are safe after two others and final after four, instead of after 32 and 64.
    *("--slots-in-an-epoch", "2"),
    # It falls to almost nothing otherwise while no blocks are full.
    *("--block-base-fee-per-gas", "1000000000"),
)


class Chain:
    """One node on `directory`, which the caller alone uses; start() again after a crash.

    With `persistent=False` it forgets everything when it ends. `genesis` is the first block's time in seconds since
    1970, ours if it isn't given.
    """

    name = "chain"

    def __init__(self, directory: Path, *, port: int, persistent: bool = True, genesis: int | None = None) -> None:
        self.directory = directory.resolve()
        self.port = port
        self.persistent = persistent
        self.genesis = genesis
        self.log = self.directory / "chain.log"
        self._child: Child | None = None

    @property
    def rpc(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def pid(self) -> int:
        return self._child.pid if self._child else 0

    async def start(self) -> None:
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._child = Child(self._program())
        await self._child.start()

    async def stop(self) -> None:
        if self._child:
            await self._child.stop()

    async def kill(self) -> None:
        if self._child:
            await self._child.kill()

    async def wait(self) -> int:
        return await self._child.wait() if self._child else 0

    def _program(self) -> Program:
        kept = ("--state", str(self.directory / "state.json")) if self.persistent else ()
        since = () if self.genesis is None else ("--timestamp", str(self.genesis))
        return Program(
            name=self.name,
            argv=(
                *(binary(), "--host", LOOPBACK, "--port", str(self.port), "--chain-id", str(CHAIN_ID)),
                *(*_OPTIONS, *kept, *since),
            ),
            log=self.log,
            ready=self._listens,
        )

    async def _listens(self) -> bool:
        try:
            _, writer = await asyncio.open_connection(LOOPBACK, self.port)
        except OSError:
            return False
        writer.close()
        await writer.wait_closed()
        return True


def binary() -> str:
    found = shutil.which("anvil", path=_PACKAGES) or shutil.which("anvil")
    if found is None:
        raise PackageMissing("anvil (npm ci in contracts/)")
    return found
