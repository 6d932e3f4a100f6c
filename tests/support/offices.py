"""A deployer with a record of their own, and people whom they name."""

from dataclasses import dataclass
from pathlib import Path

from web3.types import BlockIdentifier

from domain.chain import Address, Signer
from providers.chain.administration import ROLES, Administration, Owed, role_id
from providers.chain.condition import Condition, condition
from providers.chain.deploying import Deployer, administration
from providers.chain.deployments import Deployment, Role, Wish
from providers.chain.keys import from_key
from providers.chain.node import Node
from sandbox.chain import ACCOUNTS
from tests.support.escrow import FEE_LIMIT, deployer, person, wish

ADMIN, HEIR = ACCOUNTS["admin"], ACCOUNTS["receiver"]
STRANGER, OTHER = person("stranger").address, person("other").address


@dataclass(frozen=True)
class Office:
    node: Node
    record: Path

    async def deploy(
        self,
        wished: Wish | None = None,
        *,
        signer: Signer | None = None,
        fee_limit: int = FEE_LIMIT,
        test_token: bool = True,
        replace: bool = False,
    ) -> list[Owed]:
        work = Deployer(self.node, signer or deployer(), self.record, fee_limit=fee_limit, say=lambda _: None)
        return await work.deploy(wished or wish(), test_token=test_token, replace=replace)

    @property
    def deployment(self) -> Deployment:
        found = Deployment.of(self.record, self.node.chain_id)
        assert found is not None
        return found

    def administration(self, signer: Signer) -> Administration:
        return administration(self.node, signer, self.deployment, fee_limit=FEE_LIMIT, say=lambda _: None)

    async def condition(self) -> Condition:
        return await condition(self.node, self.deployment)

    async def holders(self, role: Role) -> set[Address]:
        """Who of all that were ever named has the role."""
        contract = self.node.contract(ROLES[role], getattr(self.deployment.addresses, ROLES[role].lower()))
        named = (ACCOUNTS[role].address, STRANGER, OTHER)
        return {each for each in named if await self.node.read(contract.functions.hasRole(role_id(role), each))}

    async def obey(self, owed: list[Owed]) -> None:
        for each in owed:
            await self.node.send(from_key(HEIR.key), each.to, bytes.fromhex(each.data[2:]))


async def sent(node: Node, which: BlockIdentifier = "latest") -> int:
    """How many transactions the admin has sent."""
    return await node.web3.eth.get_transaction_count(node.web3.to_checksum_address(ADMIN.address), which)
