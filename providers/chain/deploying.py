"""Deploying: what stands already is found again, so whatever ended a run, the next one goes on from there."""

from typing import NamedTuple

from contracts import Name
from domain.chain import Address, LimitedSigner, Signer, SignerLimits, checksummed, keccak256
from domain.errors import DeploymentLost, FactoryMissing
from providers.chain.administration import Administration, Owed, Say
from providers.chain.deployments import Addresses, Deployment, MadeWith, Wanted
from providers.chain.node import Node

# The deterministic deployment proxy (https://github.com/Arachnid/deterministic-deployment-proxy), which stands at this
# address on the chains that people use. What it deploys has an address that follows from code and arguments (EIP-1014).
FACTORY = "0x4e59b44847b379578588920cA78FbF26c0B4956C"
_SALT = keccak256(b"holdfast")


class InitCode(NamedTuple):
    """A contract's bytecode with its constructor's arguments."""

    name: Name
    code: bytes

    @property
    def address(self) -> Address:
        hashed = keccak256(b"\xff" + bytes.fromhex(FACTORY[2:]) + _SALT + keccak256(self.code))
        return checksummed(f"0x{hashed[12:].hex()}")


class Outcome(NamedTuple):
    deployment: Deployment
    owed: list[Owed]


def init_codes(node: Node, made_with: MadeWith) -> tuple[InitCode, InitCode, InitCode]:
    """Of escrow, anchor and test token."""
    admin, delay, fees = made_with.admin, made_with.admin_delay, made_with.fee_recipient
    return (
        InitCode("Escrow", node.init_code("Escrow", admin, delay, fees)),
        InitCode("Anchor", node.init_code("Anchor", admin, delay)),
        InitCode("TestToken", node.init_code("TestToken")),
    )


class Deployer:
    """`signer` pays; `fee_limit` is in wei, for each transaction."""

    def __init__(self, node: Node, signer: Signer, *, fee_limit: int, say: Say) -> None:
        self._node = node
        self._signer = signer
        self._fee_limit = fee_limit
        self._say = say

    async def deploy(
        self,
        made_with: MadeWith,
        wanted: Wanted,
        recorded: Deployment | None,
        *,
        test_token: bool,
        replace: bool = False,
    ) -> Outcome:
        """What is on record stays, whatever this version would deploy, unless it is to be replaced.

        Raises FactoryMissing, and DeploymentLost when the record names a contract that is not there and would have
        another address today.
        """
        if not await self._node.has_code(FACTORY):
            raise FactoryMissing(address=FACTORY)
        if recorded is not None and replace and recorded.addresses != self._addresses(made_with, test_token=test_token):
            recorded = None
        made_with = recorded.made_with if recorded else made_with
        addresses = self._addresses(made_with, test_token=test_token)
        since = await self._node.block_number()
        if recorded is not None:
            token = recorded.addresses.token or addresses.token
            addresses, since = recorded.addresses.model_copy(update={"token": token}), min(since, recorded.block)
        signer = _limited(self._signer, self._node, addresses, self._fee_limit)
        for code, address in zip(init_codes(self._node, made_with), addresses.all(), strict=True):
            if address is not None:
                await self._stands(code, address, signer)
        if addresses.token is not None:
            wanted = wanted.model_copy(update={"tokens": wanted.tokens | {addresses.token}})
        before = recorded.now if recorded else wanted
        deployment = Deployment(
            chain_id=self._node.chain_id, block=since, addresses=addresses, made_with=made_with, now=wanted
        )
        office = Administration(self._node, signer, deployment, self._say)
        await office.bring_to(wanted, before)
        # Who is to be no longer is remembered until it is so.
        return Outcome(deployment.model_copy(update={"now": before}) if office.owed else deployment, office.owed)

    def _addresses(self, made_with: MadeWith, *, test_token: bool) -> Addresses:
        escrow, anchor, token = init_codes(self._node, made_with)
        return Addresses(escrow=escrow.address, anchor=anchor.address, token=token.address if test_token else None)

    async def _stands(self, code: InitCode, address: Address, signer: Signer) -> None:
        if await self._node.has_code(address):
            return
        if code.address != address:
            raise DeploymentLost(contract=code.name, address=address)
        await self._node.send(signer, FACTORY, _SALT + code.code)
        self._say(f"deploy {code.name} at {address}")


def administration(node: Node, signer: Signer, deployment: Deployment, *, fee_limit: int, say: Say) -> Administration:
    """By a signer that calls the deployment's contracts and nothing else; the limit as for a Deployer."""
    return Administration(node, _limited(signer, node, deployment.addresses, fee_limit), deployment, say)


def _limited(signer: Signer, node: Node, addresses: Addresses, fee_limit: int) -> Signer:
    contracts = frozenset({FACTORY, addresses.escrow, addresses.anchor})
    return LimitedSigner(signer, SignerLimits(chain_id=node.chain_id, contracts=contracts, fee=fee_limit))
