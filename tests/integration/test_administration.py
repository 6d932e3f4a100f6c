"""Who administers contracts that stand: roles and tokens as they are wanted, and the office handed on."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from domain.chain import Address, Transaction
from domain.errors import ContractUnknown, NotNextAdmin, NotYetAdmin
from providers.chain.administration import ROLES
from providers.chain.deploying import FACTORY
from providers.chain.deployments import Wish
from providers.chain.keys import from_key
from providers.chain.node import Node
from sandbox.chain import ACCOUNTS
from tests.support.chains import fresh_chain
from tests.support.escrow import DAY, deployer, wish
from tests.support.offices import ADMIN, HEIR, OTHER, STRANGER, Office, sent


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
    await office.deploy(wish(tokens=frozenset({FACTORY})))
    token, other = office.deployment.addresses.token, office.deployment.addresses.anchor
    escrow = office.node.contract("Escrow", office.deployment.addresses.escrow).functions

    await office.deploy(Wish(tokens=frozenset({other})), test_token=False)
    one = [await office.node.read(escrow.allowed(each)) for each in (FACTORY, token, other)]
    await office.deploy(Wish(tokens=frozenset()), test_token=False)

    assert one == [False, False, True]
    assert not await office.node.read(escrow.allowed(other))
    assert (await office.condition()).right


async def test_what_only_another_admin_may_do_is_told_and_done_by_nobody_else(office: Office) -> None:
    owed = await office.deploy(wish(admin=HEIR.address))

    assert {each.sender for each in owed} == {HEIR.address}
    assert len(owed) == 4
    assert not (await office.condition()).right
    await office.obey(owed)
    assert (await office.condition()).right


async def test_what_the_admin_owes_is_told_until_it_is_done(office: Office) -> None:
    await office.obey(await office.deploy(wish(admin=HEIR.address)))
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


async def test_what_the_admin_did_beyond_the_record_is_seen_and_owed_back(office: Office) -> None:
    await office.obey(await office.deploy(wish(admin=HEIR.address)))
    overtaken = await office.deploy(Wish(operator=STRANGER, tokens=frozenset({FACTORY})), test_token=False)
    await office.obey(await office.deploy(Wish(operator=OTHER, tokens=frozenset()), test_token=False))
    before = await office.condition()

    await office.obey([each for each in overtaken if "no longer" not in each.what])
    after = await office.condition()
    owed = await office.deploy(Wish(), test_token=False)

    assert (before.right, after.right) == (True, False)
    assert [each.address for each in after.roles if not each.on_record] == [STRANGER]
    assert [(each.address, each.on_record) for each in after.tokens] == [(FACTORY, False)]
    assert [each.what for each in owed] == [
        f"have {STRANGER} be operator no longer",
        f"no longer allow payments in {FACTORY}",
    ]


async def test_a_stranger_accepts_nothing(office: Office) -> None:
    await office.deploy()
    await office.administration(deployer()).hand_over(HEIR.address)

    with pytest.raises(NotNextAdmin, match=HEIR.address):
        await office.administration(from_key(ACCOUNTS["operator"].key)).accept()


async def test_the_office_is_handed_over_in_two_steps_after_the_delay(office: Office) -> None:
    await office.deploy(wish(admin_delay=2 * DAY))
    mine = office.administration(deployer())
    heir = office.administration(from_key(HEIR.key))

    await mine.hand_over(HEIR.address)
    named = await sent(office.node)
    await mine.hand_over(HEIR.address)
    with pytest.raises(NotYetAdmin, match="UTC"):
        await heir.accept()

    assert await sent(office.node) == named
    assert await admin(office) == (ADMIN.address, ADMIN.address)
    assert (await office.condition()).contracts[0].next_admin == HEIR.address
    await later(office.node, 2 * DAY + 1)
    await heir.accept()
    await heir.accept()
    assert len(heir.done) == 2
    assert await admin(office) == (HEIR.address, HEIR.address)


async def test_who_was_named_by_mistake_is_called_off(office: Office) -> None:
    await office.deploy()
    mine = office.administration(deployer())
    heir = office.administration(from_key(HEIR.key))
    await mine.hand_over(HEIR.address)

    await mine.hand_over(ADMIN.address)
    await later(office.node, 5)
    with pytest.raises(NotNextAdmin, match="nobody"):
        await heir.accept()

    assert await admin(office) == (ADMIN.address, ADMIN.address)


async def later(node: Node, seconds: int) -> None:
    await node.web3.provider.make_request("evm_increaseTime", [seconds])
    await node.web3.provider.make_request("evm_mine", [])


async def test_an_admin_calls_the_contracts_and_nothing_else(office: Office) -> None:
    await office.deploy()
    mine = office.administration(deployer())

    chain = office.node.chain_id
    call = Transaction(
        chain_id=chain, nonce=7, to=FACTORY, data=b"", gas=1, max_fee_per_gas=1, max_priority_fee_per_gas=1
    )

    with pytest.raises(ContractUnknown):
        await mine._signer.sign(call)
