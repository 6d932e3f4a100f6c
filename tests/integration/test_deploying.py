"""Deploying to anvil: once is enough, whatever ends a run; what is refused."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest
import pytest_asyncio

from domain.chain import Address, SignedTransaction, Transaction
from domain.errors import (
    AdminOnRecord,
    DeploymentLost,
    DeploymentUnderway,
    EtherShort,
    FactoryMissing,
    FeeAboveLimit,
    NoSuchToken,
    RecordUnreadable,
    RoleVacant,
    TransactionPending,
    TransactionReverted,
)
from providers.chain.condition import condition
from providers.chain.deploying import FACTORY
from providers.chain.deployments import Wish
from providers.chain.node import Node
from sandbox.chain import ACCOUNTS
from tests.support.chains import fresh_chain
from tests.support.escrow import DAY, deployer, wish
from tests.support.offices import ADMIN, OTHER, STRANGER, Office, sent

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
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    async with fresh_chain(tmp_path / "chain") as node:
        yield Office(node, tmp_path / "deployments")


async def test_a_chain_is_brought_to_what_is_wanted(office: Office) -> None:
    owed = await office.deploy()

    found = await office.condition()
    assert owed == []
    assert found.right
    assert [each.of_this_version for each in found.contracts] == [True] * 3
    assert {each.role: each.address for each in found.roles} == {
        role: ACCOUNTS[role].address for role in ("operator", "pauser", "anchorer")
    }
    assert [(each.address, each.allowed) for each in found.tokens] == [(office.deployment.addresses.token, True)]
    assert await sent(office.node) == TRANSACTIONS


async def test_a_second_time_sends_nothing(office: Office) -> None:
    await office.deploy()
    first = office.deployment

    await office.deploy(Wish(), test_token=False)

    assert office.deployment == first
    assert await sent(office.node) == TRANSACTIONS


async def test_without_its_record_what_it_gave_is_taken_back(office: Office) -> None:
    await office.deploy(wish(pauser=STRANGER, tokens=frozenset({FACTORY})))
    elsewhere = Office(office.node, office.record.with_name("elsewhere"))

    await elsewhere.deploy()

    assert (await elsewhere.condition()).right
    assert elsewhere.deployment.addresses == office.deployment.addresses
    assert await elsewhere.holders("pauser") == {ACCOUNTS["pauser"].address}
    assert not (await office.condition()).right


async def test_without_its_record_it_is_found_again_and_watched_from_the_beginning(office: Office) -> None:
    await office.deploy()
    await office.node.web3.provider.make_request("anvil_mine", ["0x3"])
    elsewhere = Office(office.node, office.record.with_name("elsewhere"))

    await elsewhere.deploy()

    assert elsewhere.deployment.addresses == office.deployment.addresses
    assert elsewhere.deployment.block == 0
    assert await sent(office.node) == TRANSACTIONS


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


async def test_what_was_wrong_in_a_run_that_deployed_nothing_is_put_right(office: Office) -> None:
    with pytest.raises(Killed):
        await office.deploy(wish(admin=STRANGER, pauser=None), signer=Dying(office.node, 0, sent=False))

    await office.deploy(Wish(admin=ADMIN.address, admin_delay=0), test_token=False)

    assert (await office.condition()).right
    assert office.deployment.made_with.admin == ADMIN.address
    assert office.deployment.now.pauser == ADMIN.address
    assert await sent(office.node) == TRANSACTIONS


async def test_contracts_that_a_node_has_lost_are_not_deployed_elsewhere(office: Office) -> None:
    await office.deploy()
    before = office.deployment.addresses
    await office.deploy(Wish(fee_recipient=STRANGER))
    for address in (before.escrow, before.anchor):
        await office.node.web3.provider.make_request("anvil_setCode", [address, "0x"])

    with pytest.raises(TransactionReverted):
        await office.deploy(Wish(), test_token=False)

    assert office.deployment.addresses == before


async def test_a_token_that_is_no_contract_is_refused(office: Office) -> None:
    with pytest.raises(NoSuchToken, match=STRANGER):
        await office.deploy(wish(tokens=frozenset({STRANGER})))

    assert await sent(office.node) == 0


async def test_a_record_of_another_chain_is_refused(office: Office) -> None:
    await office.deploy()
    office.deployment.model_copy(update={"chain_id": 1}).keep(office.record)
    (office.record / "1.json").rename(office.record / f"{office.node.chain_id}.json")

    with pytest.raises(RecordUnreadable, match="chain 1"):
        await office.deploy()


@pytest.mark.parametrize("at", [0, 1])
async def test_a_change_that_was_cut_off_leaves_nobody_behind(office: Office, at: int) -> None:
    await office.deploy()
    with pytest.raises(Killed):
        await office.deploy(Wish(operator=STRANGER), signer=Dying(office.node, at, sent=True))

    await office.deploy(Wish(operator=OTHER))

    assert await office.holders("operator") == {OTHER}


async def test_nothing_is_sent_while_a_transaction_waits(office: Office) -> None:
    web3 = office.node.web3
    await web3.provider.make_request("evm_setAutomine", [False])
    await web3.eth.send_transaction(
        {"from": web3.to_checksum_address(ADMIN.address), "to": web3.to_checksum_address(STRANGER)}
    )

    with pytest.raises(TransactionPending):
        await office.deploy()

    assert await sent(office.node, "pending") == 1


async def test_who_has_too_little_ether_is_told_whom_to_send_it(office: Office) -> None:
    await office.node.web3.provider.make_request("anvil_setBalance", [ADMIN.address, hex(10**9)])

    with pytest.raises(EtherShort, match=f"{ADMIN.address} has 1000000000 wei"):
        await office.deploy()

    assert await sent(office.node) == 0


async def test_of_two_at_once_one_is_told_to_come_again(office: Office) -> None:
    ended = await asyncio.gather(office.deploy(), office.deploy(), return_exceptions=True)

    again = await office.deploy(Wish(), test_token=False)

    assert [type(each) for each in ended if each != []] == [DeploymentUnderway]
    assert again == []
    assert await sent(office.node) == TRANSACTIONS


async def test_a_chain_without_the_factory_is_refused(office: Office) -> None:
    await office.node.web3.provider.make_request("anvil_setCode", [FACTORY, "0x"])

    with pytest.raises(FactoryMissing):
        await office.deploy()

    assert await sent(office.node) == 0


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


async def test_a_record_that_can_not_be_replaced_ends_it_before_anything_is_sent(office: Office) -> None:
    draft = office.record / f"{office.node.chain_id}.{os.getpid()}"
    draft.mkdir(parents=True)

    with pytest.raises(RecordUnreadable):
        await office.deploy()

    assert await sent(office.node) == 0


async def test_a_role_that_nobody_has_is_asked_for(office: Office) -> None:
    with pytest.raises(RoleVacant, match="operator"):
        await office.deploy(Wish(anchorer=STRANGER, fee_recipient=STRANGER))

    assert await sent(office.node) == 0
