"""What a contract's admin does: roles, the list of tokens, and handing the office on."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from web3.contract import AsyncContract

from contracts import Name
from domain.chain import Address, Signer, keccak256
from providers.chain.deployments import Deployment, Role, Wanted
from providers.chain.node import Node

Say = Callable[[str], None]
# Which contract gives which role.
ROLES: Mapping[Role, Name] = {"operator": "Escrow", "pauser": "Escrow", "anchorer": "Anchor"}


def role_id(role: Role) -> bytes:
    """As contracts know it."""
    return keccak256(f"{role.upper()}_ROLE".encode())


class Owed(NamedTuple):
    """A call that is another account's to make: what for, who, to which contract, and with which bytes."""

    what: str
    sender: Address
    to: Address
    data: str


class Administration:
    """Does what the signer may; the rest is owed by whoever may, a wallet of several people say."""

    def __init__(self, node: Node, signer: Signer, deployment: Deployment, say: Say) -> None:
        self._node = node
        self._signer = signer
        self._escrow = node.contract("Escrow", deployment.addresses.escrow)
        self._contracts = {"Escrow": self._escrow, "Anchor": node.contract("Anchor", deployment.addresses.anchor)}
        self._say = say
        self.done: list[str] = []
        self.owed: list[Owed] = []

    async def bring_to(self, wanted: Wanted, earlier: Sequence[Wanted]) -> None:
        """Give roles and allow tokens as wanted, and take back what was wanted earlier beyond that."""
        for role, name in ROLES.items():
            await self._give(role, self._contracts[name], wanted.of(role), {each.of(role) for each in earlier})
        if await self._node.read(self._escrow.functions.feeRecipient()) != wanted.fee_recipient:
            await self._as_admin(self._escrow, "send fees elsewhere", "setFeeRecipient", wanted.fee_recipient)
        for token in sorted(wanted.tokens.union(*(each.tokens for each in earlier))):
            allowed = token in wanted.tokens
            if await self._node.read(self._escrow.functions.allowed(token)) != allowed:
                what = f"{'allow' if allowed else 'no longer allow'} payments in {token}"
                await self._as_admin(self._escrow, what, "setTokenAllowed", token, allowed)

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

    async def accept(self) -> None:
        """Become admin. Raises TransactionReverted before the delay is over."""
        for name, contract in self._contracts.items():
            pending, _ = await self._node.read(contract.functions.pendingDefaultAdmin())
            if pending == self._signer.address:
                await self._send(contract, f"accept to be the {name}'s admin", "acceptDefaultAdminTransfer")

    async def _give(self, role: Role, contract: AsyncContract, holder: Address, earlier: set[Address]) -> None:
        named = role_id(role)
        if not await self._node.read(contract.functions.hasRole(named, holder)):
            await self._as_admin(contract, f"make {holder} {role}", "grantRole", named, holder)
        for former in sorted(earlier - {holder}):
            if await self._node.read(contract.functions.hasRole(named, former)):
                await self._as_admin(contract, f"have {former} be {role} no longer", "revokeRole", named, former)

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
