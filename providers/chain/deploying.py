"""Deploying: what stands already is found again, so whatever ended a run, the next one goes on from there."""

from pathlib import Path
from typing import NamedTuple

from contracts import Name
from domain.chain import Address, LimitedSigner, Signer, SignerLimits, checksummed, keccak256
from domain.errors import AdminOnRecord, DeploymentLost, FactoryMissing, NoSuchToken
from providers.chain.administration import Administration, Owed, Say
from providers.chain.deployments import Addresses, Deployment, MadeWith, Wanted, Wish, alone
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


def init_codes(node: Node, made_with: MadeWith) -> tuple[InitCode, InitCode, InitCode]:
    """Of escrow, anchor and test token."""
    admin, delay, fees = made_with.admin, made_with.admin_delay, made_with.fee_recipient
    return (
        InitCode("Escrow", node.init_code("Escrow", admin, delay, fees)),
        InitCode("Anchor", node.init_code("Anchor", admin, delay)),
        InitCode("TestToken", node.init_code("TestToken")),
    )


class Deployer:
    """`signer` pays, `fee_limit` in wei for each transaction; the record is in `directory`."""

    def __init__(self, node: Node, signer: Signer, directory: Path, *, fee_limit: int, say: Say) -> None:
        self._node = node
        self._signer = signer
        self._directory = directory
        self._fee_limit = fee_limit
        self._say = say

    async def deploy(self, wish: Wish, *, test_token: bool = False, replace: bool = False) -> list[Owed]:
        """Bring the chain to what is wished for; what remains is the admin's to call.

        What is on record stays, whatever this version would deploy, unless it is to be replaced. The record says what
        is wanted before anything is sent, so a run that ends anywhere is taken up by the next.

        Raises RoleVacant, NoSuchToken, AdminOnRecord, FactoryMissing, RecordUnreadable, DeploymentUnderway, and
        DeploymentLost when the record names a contract that is not there and would have another address today.
        """
        if not await self._node.has_code(FACTORY):
            raise FactoryMissing(address=FACTORY)
        with alone(self._directory, self._node.chain_id):
            return await self._brought(wish, test_token=test_token, replace=replace)

    async def _brought(self, wish: Wish, *, test_token: bool, replace: bool) -> list[Owed]:
        deployment = await self._planned(wish, test_token=test_token, replace=replace)
        deployment.keep(self._directory)
        signer = _limited(self._signer, self._node, {FACTORY}, self._fee_limit)
        codes = init_codes(self._node, deployment.made_with)
        for code, address in zip(codes, deployment.addresses.all(), strict=True):
            if address is not None:
                await self._stands(code, address, signer)
        deployment.model_copy(update={"stood": True}).keep(self._directory)
        office = administration(self._node, self._signer, deployment, fee_limit=self._fee_limit, say=self._say)
        await office.bring_to(deployment.now)
        return office.owed

    async def _planned(self, wish: Wish, *, test_token: bool, replace: bool) -> Deployment:
        recorded = Deployment.of(self._directory, self._node.chain_id)
        if recorded is not None and not recorded.stood and not await self._any_stands(recorded.addresses):
            return await self._not_yet(recorded, wish, test_token=test_token)
        wanted = wish.over(recorded, self._signer.address)
        made_with = wish.made_with(recorded, self._signer.address, wanted.fee_recipient)
        planned = await self._first(made_with, wanted, test_token=test_token)
        if recorded is not None:
            made = planned.addresses
            if replace and recorded.addresses.all()[:2] != made.all()[:2]:
                planned = planned.model_copy(update={"former": recorded.as_former()})
            elif not replace and made_with != recorded.made_with:
                raise AdminOnRecord(admin=recorded.made_with.admin, delay=recorded.made_with.admin_delay)
            else:
                addresses = recorded.addresses.model_copy(update={"token": recorded.addresses.token or made.token})
                planned = recorded.model_copy(update={"addresses": addresses, "now": wanted})
        return await self._with_tokens(planned, wish, test_token=test_token)

    async def _not_yet(self, recorded: Deployment, wish: Wish, *, test_token: bool) -> Deployment:
        """Nothing of it stands, so all of it can be wished for anew."""
        again = recorded.as_wish().model_copy(update=wish.model_dump(exclude_none=True))
        test_token = test_token or recorded.addresses.token is not None
        wanted = again.over(None, self._signer.address)
        made_with = again.made_with(None, self._signer.address, wanted.fee_recipient)
        planned = await self._first(made_with, wanted, test_token=test_token)
        planned = planned.model_copy(update={"former": recorded.former})
        return await self._with_tokens(planned, wish, test_token=test_token)

    async def _first(self, made_with: MadeWith, wanted: Wanted, *, test_token: bool) -> Deployment:
        escrow, anchor, token = (code.address for code in init_codes(self._node, made_with))
        made = Addresses(escrow=escrow, anchor=anchor, token=token if test_token else None)
        # Where they stand already and the record is lost, nobody knows since when.
        since = 0 if await self._any_stands(made) else await self._node.block_number()
        on = self._node.chain_id
        return Deployment(chain_id=on, stood=False, block=since, addresses=made, made_with=made_with, now=wanted)

    async def _with_tokens(self, planned: Deployment, wish: Wish, *, test_token: bool) -> Deployment:
        """The test token is allowed where it is asked for; others have to be there."""
        made = planned.addresses.token
        for token in sorted((wish.tokens or frozenset()) - {made}):
            if not await self._node.has_code(token):
                raise NoSuchToken(address=token)
        if not test_token or made is None:
            return planned
        tokens = planned.now.tokens | {made}
        return planned.model_copy(update={"now": planned.now.model_copy(update={"tokens": tokens})})

    async def _any_stands(self, addresses: Addresses) -> bool:
        return await self._node.has_code(addresses.escrow) or await self._node.has_code(addresses.anchor)

    async def _stands(self, code: InitCode, address: Address, signer: Signer) -> None:
        if await self._node.has_code(address):
            return
        if code.address != address:
            raise DeploymentLost(contract=code.name, address=address)
        await self._node.send(signer, FACTORY, _SALT + code.code)
        if not await self._node.has_code(address):
            raise DeploymentLost(contract=code.name, address=address)
        self._say(f"deploy {code.name} at {address}")


def administration(node: Node, signer: Signer, deployment: Deployment, *, fee_limit: int, say: Say) -> Administration:
    """By a signer that calls the deployment's contracts and nothing else; the limit as for a Deployer."""
    contracts = {deployment.addresses.escrow, deployment.addresses.anchor}
    return Administration(node, _limited(signer, node, contracts, fee_limit), deployment, say)


def _limited(signer: Signer, node: Node, contracts: set[Address], fee_limit: int) -> Signer:
    limits = SignerLimits(chain_id=node.chain_id, contracts=frozenset(contracts), fee=fee_limit)
    return LimitedSigner(signer, limits)
