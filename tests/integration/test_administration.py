"""Who administers contracts that stand: roles and tokens as they are wanted, and the office handed on."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from domain.chain import Address, Transaction
from domain.errors import ContractUnknown, TransactionReverted
from providers.chain.administration import ROLES
from providers.chain.deploying import FACTORY, administration
from providers.chain.deployments import Wish
from providers.chain.keys import from_key
from providers.chain.node import Node
from sandbox.chain import ACCOUNTS
from tests.support.chains import fresh_chain
from tests.support.escrow import DAY, FEE_LIMIT, deployer, wish
from tests.support.offices import ADMIN, NEXT, OTHER, STRANGER, Office, sent


@pytest_asyncio.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    async with fresh_chain(tmp_path / "chain") as node:
        yield Office(node, tmp_path / "deployments")


async def admin(office: Office) -> tuple[Address, Address]:
    found = await office.condition()
    return str(found.contracts[0].admin), str(found.contracts[1].admin)


async def test_a_role_is_taken_over_from_who_had_it(office: Office) -> None:
    await office.deploy()
    heir = {"operator": STRANGER, "pauser": STRANGER, "anchorer": STRANGER, "fee_recipient": STRANGER}

    await office.deploy(Wish(**heir))

    after = await office.condition()
    assert after.right
    assert after.fee_recipient == STRANGER
    assert [await office.holders(role) for role in ROLES] == [{STRANGER}] * 3


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


async def test_the_office_is_handed_over_in_two_steps_after_the_delay(office: Office) -> None:
    await office.deploy(wish(admin_delay=2 * DAY))
    mine = administration(office.node, deployer(), office.deployment, fee_limit=FEE_LIMIT, say=lambda _: None)
    heir = administration(office.node, from_key(NEXT.key), office.deployment, fee_limit=FEE_LIMIT, say=lambda _: None)

    await mine.hand_over(NEXT.address)
    named = await sent(office.node)
    await mine.hand_over(NEXT.address)
    with pytest.raises(TransactionReverted, match="AccessControlEnforcedDefaultAdminDelay"):
        await heir.accept()

    assert await sent(office.node) == named
    assert await admin(office) == (ADMIN.address, ADMIN.address)
    assert (await office.condition()).contracts[0].next_admin == NEXT.address
    await later(office.node, 2 * DAY + 1)
    await heir.accept()
    assert await admin(office) == (NEXT.address, NEXT.address)


async def test_who_was_named_by_mistake_is_called_off(office: Office) -> None:
    await office.deploy()
    mine = administration(office.node, deployer(), office.deployment, fee_limit=FEE_LIMIT, say=lambda _: None)
    heir = administration(office.node, from_key(NEXT.key), office.deployment, fee_limit=FEE_LIMIT, say=lambda _: None)
    await mine.hand_over(NEXT.address)

    await mine.hand_over(ADMIN.address)
    await later(office.node, 5)
    await heir.accept()

    assert heir.done == []
    assert await admin(office) == (ADMIN.address, ADMIN.address)


async def later(node: Node, seconds: int) -> None:
    await node.web3.provider.make_request("evm_increaseTime", [seconds])
    await node.web3.provider.make_request("evm_mine", [])


async def test_an_admin_calls_the_contracts_and_nothing_else(office: Office) -> None:
    await office.deploy()
    mine = administration(office.node, deployer(), office.deployment, fee_limit=FEE_LIMIT, say=lambda _: None)

    chain = office.node.chain_id
    call = Transaction(
        chain_id=chain, nonce=7, to=FACTORY, data=b"", gas=1, max_fee_per_gas=1, max_priority_fee_per_gas=1
    )

    with pytest.raises(ContractUnknown):
        await mine._signer.sign(call)
