"""How a deployment stands on its chain."""

from collections.abc import Iterator

from pydantic import Field
from web3.contract import AsyncContract

from domain.chain import Address
from domain.values import Value
from providers.chain.administration import ROLES, role_id
from providers.chain.deploying import InitCode, init_codes
from providers.chain.deployments import Deployment, Role
from providers.chain.node import Node


class Blocks(Value):
    """Numbers; what is final is never reorganised."""

    latest: int
    safe: int
    finalized: int


class Standing(Value):
    """A contract on record; `of_this_version` tells whether this version of Holdfast would deploy the same."""

    name: str
    address: Address
    there: bool
    of_this_version: bool
    admin: Address | None = None
    next_admin: Address | None = None


class Holder(Value):
    """An account that is on record for a role, and what it can pay for its transactions, in wei."""

    role: Role
    address: Address
    holds: bool
    balance: int


class Condition(Value):
    """`tokens` tells for each on record whether new payments in it are allowed."""

    chain_id: int
    blocks: Blocks
    contracts: list[Standing]
    roles: list[Holder] = Field(default=[])
    tokens: dict[Address, bool] = Field(default={})
    paused: bool | None = None
    fee_recipient: Address | None = None
    fees_as_on_record: bool = True

    @property
    def right(self) -> bool:
        """Whether everything is there and as on record; a pause is as it should be."""
        return all(
            (
                all(each.there for each in self.contracts),
                all(each.holds for each in self.roles),
                all(self.tokens.values()),
                self.fees_as_on_record,
            )
        )

    def lines(self) -> Iterator[str]:
        """For people."""
        blocks = self.blocks
        yield f"chain {self.chain_id}, block {blocks.latest}, safe {blocks.safe}, final {blocks.finalized}"
        for each in self.contracts:
            version = "" if each.of_this_version else ", of another version"
            after = f", next {each.next_admin}" if each.next_admin else ""
            admin = f", admin {each.admin}{after}" if each.admin else ""
            yield (
                f"{each.name} {each.address}{version}{admin}"
                if each.there
                else f"{each.name} {each.address} is missing"
            )
        for holder in self.roles:
            has = "" if holder.holds else ", who has not the role"
            yield f"{holder.role} {holder.address}{has}, {holder.balance / 10**18:.4f} ether"
        for token, allowed in self.tokens.items():
            yield f"token {token}, {'allowed' if allowed else 'not allowed'}"
        if self.fee_recipient is not None:
            otherwise = "" if self.fees_as_on_record else ", which is not on record"
            yield f"fees go to {self.fee_recipient}{otherwise}; {'paused' if self.paused else 'not paused'}"


async def condition(node: Node, deployment: Deployment) -> Condition:
    """Read from the chain; what the record says alone is told of no contract that isn't there."""
    addresses, now = deployment.addresses, deployment.now
    codes = zip(init_codes(node, deployment.made_with), addresses.all(), strict=True)
    found = Condition(
        chain_id=node.chain_id,
        blocks=Blocks(**{which: await node.block_number(which) for which in ("latest", "safe", "finalized")}),
        contracts=[await _standing(node, code, address) for code, address in codes if address is not None],
    )
    if not all(each.there for each in found.contracts):
        return found
    contracts = {
        "Escrow": node.contract("Escrow", addresses.escrow),
        "Anchor": node.contract("Anchor", addresses.anchor),
    }
    escrow = contracts["Escrow"].functions
    fee_recipient = await node.read(escrow.feeRecipient())
    return found.model_copy(
        update={
            "roles": [await _holder(node, contracts[name], role, now.of(role)) for role, name in ROLES.items()],
            "tokens": {token: await node.read(escrow.allowed(token)) for token in sorted(now.tokens)},
            "paused": await node.read(escrow.paused()),
            "fee_recipient": fee_recipient,
            "fees_as_on_record": fee_recipient == now.fee_recipient,
        }
    )


async def _standing(node: Node, code: InitCode, address: Address) -> Standing:
    there = await node.has_code(address)
    standing = Standing(name=code.name, address=address, there=there, of_this_version=code.address == address)
    if not there or code.name == "TestToken":
        return standing
    functions = node.contract(code.name, address).functions
    pending, _ = await node.read(functions.pendingDefaultAdmin())
    return standing.model_copy(
        update={
            "admin": await node.read(functions.defaultAdmin()),
            "next_admin": pending if int(pending, 16) else None,
        }
    )


async def _holder(node: Node, contract: AsyncContract, role: Role, account: Address) -> Holder:
    holds = await node.read(contract.functions.hasRole(role_id(role), account))
    return Holder(role=role, address=account, holds=holds, balance=await node.balance(account))
