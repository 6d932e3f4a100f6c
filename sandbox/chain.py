"""A chain of its own: anvil with our contracts on it, loopback only, its state in one file or in memory; anyone may
sign as its accounts.
"""

import asyncio
import shutil
from pathlib import Path
from typing import NamedTuple

from domain.errors import HoldfastError
from providers.chain.deployments import Wish
from sandbox.chain_state import ChainState
from sandbox.children import Child, Program, Server
from sandbox.errors import PackageMissing, ServerRefused
from sandbox.ports import LOOPBACK

CHAIN_ID = 31337


class Account(NamedTuple):
    address: str
    key: str


# anvil's own, which have ether from the start. Everybody knows their keys: they are good for nothing elsewhere.
ACCOUNTS = {
    "admin": Account(
        "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266",
        "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80",
    ),
    "operator": Account(
        "0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
        "0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d",
    ),
    "anchorer": Account(
        "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC",
        "0x5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a",
    ),
    "fee_recipient": Account(
        "0x90F79bf6EB2c4f870365E785982E1f101E93b906",
        "0x7c852118294e51e653712a81e05800f419141751be58f605c371e15141b007a6",
    ),
    "receiver": Account(
        "0x15d34AAf54267DB7D7c367839AAf71A00a2C6A65",
        "0x47e179ec197488593b187f80a00eb0da91f1b9d0b13f8733639f19c30a34926a",
    ),
    "pauser": Account(
        "0x9965507D1a55bcC2695C58ba16FB37d819B0A4dc",
        "0x8b3a350cf5c34c9194ca85829a2df0ec3153be0318b5e2d3348e872092edffba",
    ),
}
# In wei: ether is free here.
_FEE_LIMIT = 10**18
_PACKAGES = Path(__file__).parents[1] / "contracts" / "node_modules" / ".bin"
_OPTIONS = (
    "--silent",
    # Blocks are safe after two others and final after four, instead of after 32 and 64.
    *("--slots-in-an-epoch", "2"),
    # It falls to almost nothing otherwise while no blocks are full.
    *("--block-base-fee-per-gas", "1000000000"),
)


class ChainNode(Server):
    """One node on `directory`, which the caller alone uses; start() again after a crash.

    With `persistent=False` it forgets everything when it ends. With `contracts` ours are deployed whenever it starts,
    where they aren't there yet; the record of them is kept in that directory. `genesis` is the first block's time in
    seconds since 1970, ours if it isn't given.
    """

    name = "chain"

    def __init__(
        self,
        directory: Path,
        *,
        port: int,
        persistent: bool = True,
        contracts: Path | None = None,
        genesis: int | None = None,
    ) -> None:
        self.directory = directory.resolve()
        self.port = port
        self.contracts = contracts
        self.genesis = genesis
        self.log = self.directory / "chain.log"
        self._file = self.directory / "state.json" if persistent else None
        self._state: ChainState | None = None

    @property
    def rpc(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    async def start(self) -> None:
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        await self._finish()
        self._child = Child(self._program())
        await self._child.start()
        if self._file is not None:
            self._state = ChainState(self.rpc, self._file)
        try:
            if self.contracts is not None:
                await self._deploy(self.contracts)
        except HoldfastError as error:
            await self.stop()
            raise ServerRefused(self.name, str(error)) from error

    async def stop(self) -> None:
        await self._finish()
        await super().stop()

    async def _finish(self) -> None:
        if self._state is not None:
            await self._state.finish()
            self._state = None

    def _program(self) -> Program:
        kept = ("--load-state", str(self._file)) if self._file is not None and self._file.exists() else ()
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

    async def _deploy(self, record: Path) -> None:
        # To import web3 takes a second, which no other part of the sandbox needs.
        from providers.chain.deploying import Deployer  # noqa: PLC0415
        from providers.chain.keys import from_key  # noqa: PLC0415
        from providers.chain.node import connected  # noqa: PLC0415

        named = {role: ACCOUNTS[role].address for role in ("operator", "pauser", "anchorer", "fee_recipient")}
        async with connected(self.rpc, CHAIN_ID) as node:
            signer = from_key(ACCOUNTS["admin"].key)
            deployer = Deployer(node, signer, record, fee_limit=_FEE_LIMIT, say=_silent)
            # What an earlier version deployed is left behind: nothing of worth is on this chain.
            await deployer.deploy(Wish(**named, admin_delay=0), test_token=True, replace=True)

    async def _listens(self) -> bool:
        try:
            _, writer = await asyncio.open_connection(LOOPBACK, self.port)
        except OSError:
            return False
        writer.close()
        await writer.wait_closed()
        return True


def _silent(_what: str) -> None:
    pass


def binary() -> str:
    found = shutil.which("anvil", path=_PACKAGES) or shutil.which("anvil")
    if found is None:
        raise PackageMissing("anvil (npm ci in contracts/)")
    return found
