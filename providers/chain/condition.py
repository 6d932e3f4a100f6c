"""How a deployment stands on its chain."""

from collections.abc import Iterator

from pydantic import Field

from domain.chain import Address
from domain.values import Value
from providers.chain.administration import ROLES, contracts_of, granted, moment
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
    # When the next one may accept, in seconds since 1970.
    next_admin_after: int | None = None


class Holder(Value):
    """An account that is on record for a role, or has it, and what it can pay for its transactions, in wei."""

    role: Role
    address: Address
    on_record: bool
    holds: bool
    balance: int


class Listed(Value):
    """A token that is on record, or that new payments may be in."""

    address: Address
    on_record: bool
    allowed: bool


class Condition(Value):
    """Roles and tokens are those on record, and those that the contracts tell of beyond that."""

    chain_id: int
    blocks: Blocks
    contracts: list[Standing]
    roles: list[Holder] = Field(default=[])
    tokens: list[Listed] = Field(default=[])
    paused: bool | None = None
    fee_recipient: Address | None = None
    fees_as_on_record: bool = True

    @property
    def right(self) -> bool:
        """Whether everything is there and as on record; a pause is as it should be."""
        return all(
            (
                all(each.there for each in self.contracts),
                all(each.holds and each.on_record for each in self.roles),
                all(each.allowed and each.on_record for each in self.tokens),
                self.fees_as_on_record,
            )
        )

    def lines(self) -> Iterator[str]:
        """For people."""
        blocks = self.blocks
        yield f"chain {self.chain_id}, block {blocks.latest}, safe {blocks.safe}, final {blocks.finalized}"
        for each in self.contracts:
            version = "" if each.of_this_version else ", of another version"
            after = f", next {each.next_admin} after {moment(each.next_admin_after)}" if each.next_admin_after else ""
            admin = f", admin {each.admin}{after}" if each.admin else ""
            yield (
                f"{each.name} {each.address}{version}{admin}"
                if each.there
                else f"{each.name} {each.address} is missing"
            )
        for holder in self.roles:
            has = "" if holder.holds else ", who does not have the role"
            yield f"{holder.role} {holder.address}{has}{_else(holder.on_record)}, {holder.balance / 10**18:.4f} ether"
        for token in self.tokens:
            yield f"token {token.address}, {'allowed' if token.allowed else 'not allowed'}{_else(token.on_record)}"
        if self.fee_recipient is not None:
            if not self.tokens:
                yield "no token is allowed"
            yield f"fees go to {self.fee_recipient}{_else(self.fees_as_on_record)}"
            yield "paused: nothing is authorized or captured" if self.paused else "not paused"


def _else(on_record: bool) -> str:
    return "" if on_record else ", which is not on record"


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
    has = await granted(node, deployment)
    escrow = contracts_of(node, deployment)["Escrow"].functions
    fee_recipient = await node.read(escrow.feeRecipient())
    return found.model_copy(
        update={
            "roles": [each for role in ROLES for each in await _holders(node, role, now.of(role), has.roles[role])],
            "tokens": [
                Listed(address=each, on_record=each in now.tokens, allowed=each in has.tokens)
                for each in sorted(now.tokens | has.tokens)
            ],
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
    pending, since = await node.read(functions.pendingDefaultAdmin())
    return standing.model_copy(
        update={
            "admin": await node.read(functions.defaultAdmin()),
            "next_admin": pending if since else None,
            "next_admin_after": since or None,
        }
    )


async def _holders(node: Node, role: Role, wanted: Address, has: frozenset[Address]) -> list[Holder]:
    return [
        Holder(
            role=role,
            address=each,
            on_record=each == wanted,
            holds=each in has,
            balance=await node.balance(each),
        )
        for each in (wanted, *sorted(has - {wanted}))
    ]
