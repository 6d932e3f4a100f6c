"""Deploying to anvil: once is enough, whatever ends a run; who administers what; what is refused."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from domain.chain import Address, SignedTransaction, Signer, Transaction
from domain.errors import (
    ChainDiffers,
    DeploymentLost,
    FactoryMissing,
    FeeAboveLimit,
    ProviderUnreachable,
    RoleVacant,
    TransactionReverted,
)
from providers.chain.condition import condition
from providers.chain.deploying import FACTORY, Deployer, Outcome, administration
from providers.chain.deployments import Deployment, MadeWith, Wanted, Wish
from providers.chain.keys import from_key
from providers.chain.node import Node, connected
from sandbox.chain import ACCOUNTS
from sandbox.ports import free_port
from tests.support.chains import fresh_chain
from tests.support.escrow import DAY, FEE_LIMIT, deployer, made_with, person, wanted

ADMIN, NEXT = ACCOUNTS["admin"], ACCOUNTS["receiver"]
STRANGER = person("stranger").address
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
    async with fresh_chain(tmp_path) as made:
        yield made


async def deploy(
    node: Node,
    wished: Wanted | None = None,
    recorded: Deployment | None = None,
    *,
    signer: Signer | None = None,
    made: MadeWith | None = None,
    fee_limit: int = FEE_LIMIT,
) -> Outcome:
    work = Deployer(node, signer or deployer(), fee_limit=fee_limit, say=lambda _: None)
    return await work.deploy(made or made_with(), wished or wanted(), recorded, test_token=True)


async def sent(node: Node) -> int:
    return await node.web3.eth.get_transaction_count(node.web3.to_checksum_address(ADMIN.address))


async def admin(node: Node, deployment: Deployment) -> tuple[Address, Address]:
    found = await condition(node, deployment)
    return str(found.contracts[0].admin), str(found.contracts[1].admin)


async def test_a_chain_is_brought_to_what_is_wanted(node: Node) -> None:
    deployment = (await deploy(node)).deployment

    found = await condition(node, deployment)
    assert found.right
    assert [each.of_this_version for each in found.contracts] == [True] * 3
    assert {each.role: each.address for each in found.roles} == {
        role: ACCOUNTS[role].address for role in ("operator", "pauser", "anchorer")
    }
    assert found.tokens == {deployment.addresses.token: True}
    assert await sent(node) == TRANSACTIONS


async def test_a_second_time_sends_nothing(node: Node) -> None:
    first = (await deploy(node)).deployment

    with_record = (await deploy(node, first.now, first)).deployment
    without = (await deploy(node)).deployment

    assert with_record == first
    assert without.addresses == first.addresses
    assert await sent(node) == TRANSACTIONS


@pytest.mark.parametrize("at", range(TRANSACTIONS))
@pytest.mark.parametrize("was_sent", [False, True], ids=["before", "after"])
async def test_a_run_that_was_killed_is_taken_up_where_it_ended(node: Node, at: int, was_sent: bool) -> None:
    with pytest.raises(Killed):
        await deploy(node, signer=Dying(node, at, sent=was_sent))

    deployment = (await deploy(node)).deployment

    assert (await condition(node, deployment)).right
    assert await sent(node) == TRANSACTIONS


async def test_a_role_is_taken_over_from_who_had_it(node: Node) -> None:
    before = (await deploy(node)).deployment
    heir = {"operator": STRANGER, "pauser": STRANGER, "anchorer": STRANGER, "fee_recipient": STRANGER}

    outcome = await deploy(node, wanted(**heir), before)

    after = await condition(node, outcome.deployment)
    former = await condition(node, before)
    assert outcome.owed == []
    assert after.right
    assert after.fee_recipient == STRANGER
    assert [each.holds for each in former.roles] == [False] * 3


async def test_a_token_that_is_no_longer_wanted_is_taken_from_the_list(node: Node) -> None:
    other = person("another token").address
    before = (await deploy(node, wanted(tokens=frozenset({other})))).deployment

    after = (await deploy(node, wanted(), before)).deployment

    assert (await condition(node, before)).tokens == {other: False, after.addresses.token: True}
    assert (await condition(node, after)).right


async def test_what_only_another_admin_may_do_is_told_and_done_by_nobody_else(node: Node) -> None:
    outcome = await deploy(node, made=made_with(NEXT.address))

    assert {each.sender for each in outcome.owed} == {NEXT.address}
    assert len(outcome.owed) == 4
    assert not (await condition(node, outcome.deployment)).right
    for each in outcome.owed:
        await node.send(from_key(NEXT.key), each.to, bytes.fromhex(each.data[2:]))
    assert (await condition(node, outcome.deployment)).right


async def test_who_has_a_role_still_is_remembered_while_the_admin_has_not_taken_it(node: Node) -> None:
    made = made_with(NEXT.address)
    first = await deploy(node, made=made)
    for each in first.owed:
        await node.send(from_key(NEXT.key), each.to, bytes.fromhex(each.data[2:]))
    second = await deploy(node, wanted(operator=STRANGER), first.deployment, made=made)

    third = await deploy(node, wanted(operator=STRANGER), second.deployment, made=made)

    assert second.deployment.now.operator == ACCOUNTS["operator"].address
    assert [each.what for each in third.owed] == [
        f"make {STRANGER} operator",
        f"have {ACCOUNTS['operator'].address} be operator no longer",
    ]


async def test_the_office_is_handed_over_in_two_steps_after_the_delay(node: Node) -> None:
    deployment = (await deploy(node, made=made_with(delay=2 * DAY))).deployment
    office = administration(node, deployer(), deployment, fee_limit=FEE_LIMIT, say=lambda _: None)
    heir = administration(node, from_key(NEXT.key), deployment, fee_limit=FEE_LIMIT, say=lambda _: None)

    await office.hand_over(NEXT.address)
    named = await sent(node)
    await office.hand_over(NEXT.address)
    with pytest.raises(TransactionReverted, match="AccessControlEnforcedDefaultAdminDelay"):
        await heir.accept()

    assert await sent(node) == named
    assert await admin(node, deployment) == (ADMIN.address, ADMIN.address)
    assert (await condition(node, deployment)).contracts[0].next_admin == NEXT.address
    await node.web3.provider.make_request("evm_increaseTime", [2 * DAY + 1])
    await node.web3.provider.make_request("evm_mine", [])
    await heir.accept()
    assert await admin(node, deployment) == (NEXT.address, NEXT.address)


async def test_a_node_of_another_chain_is_refused(node: Node) -> None:
    with pytest.raises(ChainDiffers):
        async with connected(str(node.web3.provider.endpoint_uri), 1):
            pass


async def test_a_node_that_does_not_answer_is_said_to_be_unreachable() -> None:
    with pytest.raises(ProviderUnreachable):
        async with connected(f"http://127.0.0.1:{free_port()}", 1):
            pass


async def test_a_chain_without_the_factory_is_refused(node: Node) -> None:
    await node.web3.provider.make_request("anvil_setCode", [FACTORY, "0x"])

    with pytest.raises(FactoryMissing):
        await deploy(node)

    assert await sent(node) == 0


async def test_a_fee_above_the_limit_is_not_paid(node: Node) -> None:
    with pytest.raises(FeeAboveLimit):
        await deploy(node, fee_limit=10**12)

    assert await sent(node) == 0


async def test_a_record_of_contracts_that_nobody_can_put_there_is_refused(node: Node) -> None:
    made = (await deploy(node)).deployment
    lost = made.model_copy(update={"addresses": made.addresses.model_copy(update={"escrow": STRANGER})})

    with pytest.raises(DeploymentLost):
        await deploy(node, made.now, lost)

    assert await sent(node) == TRANSACTIONS


async def test_what_is_replaced_is_left_as_it_is(node: Node) -> None:
    before = (await deploy(node)).deployment
    work = Deployer(node, deployer(), fee_limit=FEE_LIMIT, say=lambda _: None)
    other = made_with(delay=DAY)

    kept = (await work.deploy(other, before.now, before, test_token=True)).deployment
    after = (await work.deploy(other, before.now, before, test_token=True, replace=True)).deployment
    again = (await work.deploy(other, after.now, after, test_token=True, replace=True)).deployment

    assert kept == before
    assert after.addresses.escrow != before.addresses.escrow
    assert after.addresses.token == before.addresses.token
    assert again == after
    assert (await condition(node, before)).right
    assert (await condition(node, after)).right


def test_a_role_that_nobody_has_is_asked_for() -> None:
    wish = Wish(operator=None, pauser=None, anchorer=STRANGER, fee_recipient=STRANGER, tokens=None)

    with pytest.raises(RoleVacant, match="operator"):
        wish.over(None, ADMIN.address)


async def test_what_is_on_record_stays_where_nothing_else_is_said(node: Node, tmp_path: Path) -> None:
    made = (await deploy(node)).deployment
    made.keep(tmp_path / "deployments")
    recorded = Deployment.of(tmp_path / "deployments", node.chain_id)
    wish = Wish(operator=STRANGER, pauser=None, anchorer=None, fee_recipient=None, tokens=None)

    wished = wish.over(recorded, ADMIN.address)

    assert recorded == made
    assert Deployment.of(tmp_path / "deployments", 1) is None
    assert wished == made.now.model_copy(update={"operator": STRANGER})
