"""What a contract's admin does: roles, the list of tokens, and handing the office on."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from web3.contract import AsyncContract

from contracts import Name
from domain.chain import Address, Signer, keccak256
from domain.errors import NotNextAdmin, NotYetAdmin, TransactionReverted
from providers.chain.deployments import Deployed, Role, Wanted
from providers.chain.node import Node

Say = Callable[[str], None]
# Which contract gives which role.
ROLES: Mapping[Role, Name] = {"operator": "Escrow", "pauser": "Escrow", "anchorer": "Anchor"}


def role_id(role: Role) -> bytes:
    """As contracts know it."""
    return keccak256(f"{role.upper()}_ROLE".encode())


class Granted(NamedTuple):
    """Who has each role, and the tokens that new payments may be in, whoever saw to it."""

    roles: Mapping[Role, frozenset[Address]]
    tokens: frozenset[Address]


def contracts_of(node: Node, deployed: Deployed) -> Mapping[Name, AsyncContract]:
    """Those that have an admin."""
    addresses = deployed.addresses
    return {"Escrow": node.contract("Escrow", addresses.escrow), "Anchor": node.contract("Anchor", addresses.anchor)}


async def granted(node: Node, deployed: Deployed) -> Granted:
    """All that the contracts ever told of, as far as it is so still."""
    contracts, roles = contracts_of(node, deployed), {}
    for role, name in ROLES.items():
        named, events = role_id(role), contracts[name].events
        told = {each["args"]["account"] for each in await node.logs(events.RoleGranted, deployed.block, role=named)}
        has_role = contracts[name].functions.hasRole
        roles[role] = frozenset([each for each in told if await node.read(has_role(named, each))])
    escrow = contracts["Escrow"]
    told = {each["args"]["token"] for each in await node.logs(escrow.events.TokenAllowed, deployed.block)}
    allowed = escrow.functions.allowed
    return Granted(roles, frozenset([each for each in told if await node.read(allowed(each))]))


def moment(seconds: int) -> str:
    """For people, of seconds since 1970."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"


class Owed(NamedTuple):
    """A call that is another account's to make: what for, who, to which contract, and with which bytes."""

    what: str
    sender: Address
    to: Address
    data: str


class Administration:
    """Does what the signer may; the rest is owed by whoever may, a wallet of several people say."""

    def __init__(self, node: Node, signer: Signer, deployed: Deployed, say: Say) -> None:
        self._node = node
        self._signer = signer
        self._deployed = deployed
        self._contracts = contracts_of(node, deployed)
        self._say = say
        self.done: list[str] = []
        self.owed: list[Owed] = []

    async def bring_to(self, wanted: Wanted) -> None:
        """Give roles and allow tokens as wanted, and take back what others have beyond that."""
        has = await granted(self._node, self._deployed)
        for role, name in ROLES.items():
            await self._give(role, self._contracts[name], wanted.of(role), has.roles[role])
        escrow, recipient = self._contracts["Escrow"], wanted.fee_recipient
        if await self._node.read(escrow.functions.feeRecipient()) != recipient:
            await self._as_admin(escrow, f"send fees to {recipient}", "setFeeRecipient", recipient)
        for token in sorted(wanted.tokens ^ has.tokens):
            allowed = token in wanted.tokens
            what = f"{'allow' if allowed else 'no longer allow'} payments in {token}"
            await self._as_admin(escrow, what, "setTokenAllowed", token, allowed)

    async def hand_over(self, to: Address) -> None:
        """Name the next admin, who accepts once the delay is over; the admin in office calls off whoever was named."""
        for name, contract in self._contracts.items():
            pending, _ = await self._node.read(contract.functions.pendingDefaultAdmin())
            if to == await self._admin(contract):
                if int(pending, 16):
                    what = f"call off that {pending} be the {name}'s next admin"
                    await self._as_admin(contract, what, "cancelDefaultAdminTransfer")
            elif to != pending:
                await self._as_admin(contract, f"name {to} the {name}'s next admin", "beginDefaultAdminTransfer", to)
                named, since = await self._node.read(contract.functions.pendingDefaultAdmin())
                if named == to:
                    self._say(f"{to} may accept to be the {name}'s admin after {moment(since)}")

    async def accept(self) -> None:
        """Become admin. Raises NotNextAdmin for an account that wasn't named, and NotYetAdmin before its time."""
        named = []
        for name, contract in self._contracts.items():
            pending, since = await self._node.read(contract.functions.pendingDefaultAdmin())
            if pending == self._signer.address:
                named.append((name, contract, since))
            elif await self._admin(contract) != self._signer.address:
                whom = pending if int(pending, 16) else "nobody"
                raise NotNextAdmin(signer=self._signer.address, contract=name, named=whom)
        for name, contract, since in named:
            try:
                await self._send(contract, f"accept to be the {name}'s admin", "acceptDefaultAdminTransfer")
            except TransactionReverted as refusal:
                now = await self._node.time()
                if now <= since:
                    raise NotYetAdmin(since=moment(since), now=moment(now)) from refusal
                raise

    async def _give(self, role: Role, contract: AsyncContract, holder: Address, has: frozenset[Address]) -> None:
        named = role_id(role)
        if holder not in has:
            await self._as_admin(contract, f"make {holder} {role}", "grantRole", named, holder)
        for other in sorted(has - {holder}):
            await self._as_admin(contract, f"have {other} be {role} no longer", "revokeRole", named, other)

    async def _admin(self, contract: AsyncContract) -> Address:
        return str(await self._node.read(contract.functions.defaultAdmin()))

    async def _as_admin(self, contract: AsyncContract, what: str, function: str, *arguments: object) -> None:
        if (admin := await self._admin(contract)) == self._signer.address:
            await self._send(contract, what, function, *arguments)
        else:
            data = contract.encode_abi(function, args=arguments)
            self.owed.append(Owed(what=what, sender=admin, to=str(contract.address), data=data))

    async def _send(self, contract: AsyncContract, what: str, function: str, *arguments: object) -> None:
        data = bytes.fromhex(contract.encode_abi(function, args=arguments)[2:])
        await self._node.send(self._signer, str(contract.address), data)
        self.done.append(what)
        self._say(what)
