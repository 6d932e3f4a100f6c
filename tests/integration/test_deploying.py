"""Deploying to anvil: once is enough, whatever ends a run; who administers what; what is refused."""

from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from domain.chain import Address, SignedTransaction, Signer, Transaction
from domain.errors import (
    AdminOnRecord,
    ChainDiffers,
    ContractUnknown,
    DeploymentLost,
    FactoryMissing,
    FeeAboveLimit,
    ProviderUnreachable,
    RecordUnreadable,
    RoleVacant,
    TransactionPending,
    TransactionReverted,
)
from providers.chain.administration import ROLES, Owed, role_id
from providers.chain.condition import Condition, condition
from providers.chain.deploying import FACTORY, Deployer, administration
from providers.chain.deployments import Deployment, Role, Wish
from providers.chain.keys import from_key
from providers.chain.node import Node, connected
from sandbox.chain import ACCOUNTS
from sandbox.ports import free_port
from tests.support.chains import fresh_chain
from tests.support.escrow import DAY, FEE_LIMIT, deployer, person, wish

ADMIN, NEXT = ACCOUNTS["admin"], ACCOUNTS["receiver"]
STRANGER, OTHER = person("stranger").address, person("other").address
# Escrow, Anchor and TestToken, three roles, and the token's place on the list.
TRANSACTIONS = 7


class Killed(Exception):
    pass


class Dying:
    """A signer whose process ends at one transaction: before it is sent, or right after."""

    def __init__(self, node: Node, at: int, *, sent: bool) -> None:
        self._node, self._signer, self._left, self._sent = node, deployer(), at, sent

    @property
    def address(self) -> Address:
        return self._signer.address

    async def sign(self, transaction: Transaction) -> SignedTransaction:
        signed = await self._signer.sign(transaction)
        if self._left == 0:
            if self._sent:
                await self._node.web3.eth.send_raw_transaction(signed.raw)
            raise Killed
        self._left -= 1
        return signed


@pytest_asyncio.fixture
async def node(tmp_path: Path) -> AsyncIterator[Node]:
    async with fresh_chain(tmp_path / "chain") as made:
        yield made


@pytest.fixture
def office(node: Node, tmp_path: Path) -> "Office":
    return Office(node, tmp_path / "deployments")


@dataclass(frozen=True)
class Office:
    """Where somebody deploys, and keeps the record."""

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

    async def condition(self) -> Condition:
        return await condition(self.node, self.deployment)

    async def holders(self, role: Role) -> set[Address]:
        """Who of all that were ever named has the role."""
        contract = self.node.contract(ROLES[role], getattr(self.deployment.addresses, ROLES[role].lower()))
        named = (ACCOUNTS[role].address, STRANGER, OTHER)
        return {each for each in named if await self.node.read(contract.functions.hasRole(role_id(role), each))}

    async def obey(self, owed: list[Owed]) -> None:
        for each in owed:
            await self.node.send(from_key(NEXT.key), each.to, bytes.fromhex(each.data[2:]))


async def sent(node: Node) -> int:
    return await node.web3.eth.get_transaction_count(node.web3.to_checksum_address(ADMIN.address))


async def admin(office: Office) -> tuple[Address, Address]:
    found = await office.condition()
    return str(found.contracts[0].admin), str(found.contracts[1].admin)


async def test_a_chain_is_brought_to_what_is_wanted(office: Office) -> None:
    owed = await office.deploy()

    found = await office.condition()
    assert owed == []
    assert found.right
    assert [each.of_this_version for each in found.contracts] == [True] * 3
    assert {each.role: each.address for each in found.roles} == {
        role: ACCOUNTS[role].address for role in ("operator", "pauser", "anchorer")
    }
    assert found.tokens == {office.deployment.addresses.token: True}
    assert await sent(office.node) == TRANSACTIONS


async def test_a_second_time_sends_nothing(office: Office) -> None:
    await office.deploy()
    first = office.deployment

    await office.deploy(Wish(), test_token=False)

    assert office.deployment == first
    assert await sent(office.node) == TRANSACTIONS


async def test_without_its_record_it_is_found_again_and_watched_from_the_beginning(office: Office, node: Node) -> None:
    await office.deploy()
    await node.web3.provider.make_request("anvil_mine", ["0x3"])
    elsewhere = Office(node, office.record.with_name("elsewhere"))

    await elsewhere.deploy()

    assert elsewhere.deployment.addresses == office.deployment.addresses
    assert elsewhere.deployment.block == 0
    assert await sent(node) == TRANSACTIONS


@pytest.mark.parametrize("at", range(TRANSACTIONS))
@pytest.mark.parametrize("was_sent", [False, True], ids=["before", "after"])
async def test_a_run_that_was_killed_is_taken_up_where_it_ended(office: Office, at: int, was_sent: bool) -> None:
    with pytest.raises(Killed):
        await office.deploy(signer=Dying(office.node, at, sent=was_sent))

    await office.deploy(Wish(), test_token=False)

    assert (await office.condition()).right
    assert await sent(office.node) == TRANSACTIONS


@pytest.mark.parametrize("at", range(TRANSACTIONS + 1))
async def test_who_was_named_by_a_run_that_was_killed_has_nothing_in_the_end(office: Office, at: int) -> None:
    with suppress(Killed):
        await office.deploy(wish(operator=STRANGER), signer=Dying(office.node, at, sent=True))

    await office.deploy(wish(fee_recipient=OTHER, admin_delay=None))

    assert (await office.condition()).right
    assert await office.holders("operator") == {ACCOUNTS["operator"].address}
    assert office.deployment.earlier == ()


async def test_a_role_is_taken_over_from_who_had_it(office: Office) -> None:
    await office.deploy()
    heir = {"operator": STRANGER, "pauser": STRANGER, "anchorer": STRANGER, "fee_recipient": STRANGER}

    await office.deploy(Wish(**heir))

    after = await office.condition()
    assert after.right
    assert after.fee_recipient == STRANGER
    assert [await office.holders(role) for role in ROLES] == [{STRANGER}] * 3


@pytest.mark.parametrize("at", [0, 1])
async def test_a_change_that_was_cut_off_leaves_nobody_behind(office: Office, at: int) -> None:
    await office.deploy()
    with pytest.raises(Killed):
        await office.deploy(Wish(operator=STRANGER), signer=Dying(office.node, at, sent=True))

    await office.deploy(Wish(operator=OTHER))

    assert await office.holders("operator") == {OTHER}


async def test_a_token_that_is_no_longer_wanted_is_taken_from_the_list(office: Office) -> None:
    await office.deploy(wish(tokens=frozenset({STRANGER})))
    token = office.deployment.addresses.token
    escrow = office.node.contract("Escrow", office.deployment.addresses.escrow).functions

    await office.deploy(Wish(tokens=frozenset({OTHER})), test_token=False)
    one = [await office.node.read(escrow.allowed(each)) for each in (STRANGER, token, OTHER)]
    await office.deploy(Wish(tokens=frozenset()), test_token=False)

    assert one == [False, False, True]
    assert not await office.node.read(escrow.allowed(OTHER))
    assert (await office.condition()).right


async def test_what_only_another_admin_may_do_is_told_and_done_by_nobody_else(office: Office) -> None:
    owed = await office.deploy(wish(admin=NEXT.address))

    assert {each.sender for each in owed} == {NEXT.address}
    assert len(owed) == 4
    assert not (await office.condition()).right
    await office.obey(owed)
    assert (await office.condition()).right


async def test_what_the_admin_owes_is_told_until_it_is_done(office: Office) -> None:
    await office.obey(await office.deploy(wish(admin=NEXT.address)))
    await office.deploy(Wish(operator=STRANGER))

    owed = await office.deploy(Wish(), test_token=False)
    await office.obey(owed)
    rest = await office.deploy(Wish(), test_token=False)

    assert [each.what for each in owed] == [
        f"make {STRANGER} operator",
        f"have {ACCOUNTS['operator'].address} be operator no longer",
    ]
    assert rest == []
    assert await office.holders("operator") == {STRANGER}
    assert office.deployment.earlier == ()


async def test_the_office_is_handed_over_in_two_steps_after_the_delay(office: Office, node: Node) -> None:
    await office.deploy(wish(admin_delay=2 * DAY))
    mine = administration(node, deployer(), office.deployment, fee_limit=FEE_LIMIT, say=lambda _: None)
    heir = administration(node, from_key(NEXT.key), office.deployment, fee_limit=FEE_LIMIT, say=lambda _: None)

    await mine.hand_over(NEXT.address)
    named = await sent(node)
    await mine.hand_over(NEXT.address)
    with pytest.raises(TransactionReverted, match="AccessControlEnforcedDefaultAdminDelay"):
        await heir.accept()

    assert await sent(node) == named
    assert await admin(office) == (ADMIN.address, ADMIN.address)
    assert (await office.condition()).contracts[0].next_admin == NEXT.address
    await later(node, 2 * DAY + 1)
    await heir.accept()
    assert await admin(office) == (NEXT.address, NEXT.address)


async def test_who_was_named_by_mistake_is_called_off(office: Office, node: Node) -> None:
    await office.deploy()
    mine = administration(node, deployer(), office.deployment, fee_limit=FEE_LIMIT, say=lambda _: None)
    heir = administration(node, from_key(NEXT.key), office.deployment, fee_limit=FEE_LIMIT, say=lambda _: None)
    await mine.hand_over(NEXT.address)

    await mine.hand_over(ADMIN.address)
    await later(node, 5)
    await heir.accept()

    assert heir.done == []
    assert await admin(office) == (ADMIN.address, ADMIN.address)


async def later(node: Node, seconds: int) -> None:
    await node.web3.provider.make_request("evm_increaseTime", [seconds])
    await node.web3.provider.make_request("evm_mine", [])


async def test_an_admin_calls_the_contracts_and_nothing_else(office: Office, node: Node) -> None:
    await office.deploy()
    mine = administration(node, deployer(), office.deployment, fee_limit=FEE_LIMIT, say=lambda _: None)

    call = Transaction(
        chain_id=node.chain_id, nonce=7, to=FACTORY, data=b"", gas=1, max_fee_per_gas=1, max_priority_fee_per_gas=1
    )

    with pytest.raises(ContractUnknown):
        await mine._signer.sign(call)


async def test_nothing_is_sent_while_a_transaction_waits(office: Office, node: Node) -> None:
    await node.web3.provider.make_request("evm_setAutomine", [False])
    await node.web3.eth.send_transaction(
        {"from": node.web3.to_checksum_address(ADMIN.address), "to": node.web3.to_checksum_address(STRANGER)}
    )

    with pytest.raises(TransactionPending):
        await office.deploy()

    assert await node.web3.eth.get_transaction_count(node.web3.to_checksum_address(ADMIN.address), "pending") == 1


async def test_a_node_of_another_chain_is_refused(node: Node) -> None:
    with pytest.raises(ChainDiffers):
        async with connected(str(node.web3.provider.endpoint_uri), 1):
            pass


async def test_a_node_that_does_not_answer_is_said_to_be_unreachable() -> None:
    with pytest.raises(ProviderUnreachable):
        async with connected(f"http://127.0.0.1:{free_port()}", 1):
            pass


async def test_no_contract_makes_us_call_an_address_of_its_own(node: Node) -> None:
    assert not node.web3.provider.global_ccip_read_enabled


async def test_a_chain_without_the_factory_is_refused(office: Office, node: Node) -> None:
    await node.web3.provider.make_request("anvil_setCode", [FACTORY, "0x"])

    with pytest.raises(FactoryMissing):
        await office.deploy()

    assert await sent(node) == 0


async def test_a_fee_above_the_limit_is_not_paid(office: Office) -> None:
    with pytest.raises(FeeAboveLimit):
        await office.deploy(fee_limit=10**12)

    assert await sent(office.node) == 0


async def test_a_record_of_contracts_that_nobody_can_put_there_is_refused(office: Office) -> None:
    await office.deploy()
    made = office.deployment
    addresses = made.addresses.model_copy(update={"escrow": STRANGER})
    made.model_copy(update={"addresses": addresses}).keep(office.record)

    with pytest.raises(DeploymentLost):
        await office.deploy()

    assert await sent(office.node) == TRANSACTIONS


async def test_what_is_replaced_is_left_as_it_is_and_remembered(office: Office) -> None:
    await office.deploy()
    before, condition_before = office.deployment, await office.condition()

    with pytest.raises(AdminOnRecord):
        await office.deploy(Wish(admin_delay=DAY))
    await office.deploy(Wish(admin_delay=DAY), replace=True)
    after = office.deployment
    await office.deploy(Wish(), test_token=False, replace=True)

    assert condition_before.right
    assert after.addresses.escrow != before.addresses.escrow
    assert [each.addresses for each in after.former] == [before.addresses]
    assert after.made_with.admin == before.made_with.admin
    assert office.deployment == after
    assert (await condition(office.node, before)).right
    assert (await office.condition()).right


async def test_what_is_to_be_replaced_and_is_the_same_stays(office: Office) -> None:
    await office.deploy()
    first = office.deployment
    await office.deploy(Wish(fee_recipient=STRANGER))

    await office.deploy(Wish(operator=OTHER), test_token=False, replace=True)

    assert office.deployment.addresses == first.addresses
    assert await office.holders("operator") == {OTHER}


async def test_a_record_that_can_not_be_kept_ends_it_before_anything_is_sent(office: Office) -> None:
    office.record.write_text("a file where a directory should be")

    with pytest.raises(RecordUnreadable):
        await office.deploy()

    assert await sent(office.node) == 0


async def test_a_role_that_nobody_has_is_asked_for(office: Office) -> None:
    with pytest.raises(RoleVacant, match="operator"):
        await office.deploy(Wish(anchorer=STRANGER, fee_recipient=STRANGER))

    assert await sent(office.node) == 0
