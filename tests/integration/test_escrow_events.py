"""What a watcher sees of batches on a chain: nothing of what was undone."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from web3.logs import DISCARD
from web3.types import RPCEndpoint, TxReceipt

from domain.escrow import Terms
from providers.chain.reverts import in_words
from tests.support.chains import fresh_chain
from tests.support.escrow import GENESIS, OnChain, on_chain, person

EVENTS = ("PaymentAuthorized", "PaymentCaptured", "ItemSkipped")


@pytest_asyncio.fixture
async def shop(tmp_path: Path) -> AsyncIterator[OnChain]:
    async with fresh_chain(tmp_path, genesis=GENESIS) as node:
        made = await on_chain(node)
        await made.give(made.payer.address)
        yield made


def told(shop: OnChain, mined: TxReceipt) -> list[tuple[str, str]]:
    """Events of the escrow in their order, and the payments that they are about."""
    found = [
        (log["logIndex"], name, "0x" + bytes(log["args"]["id"]).hex())
        for name in EVENTS
        for log in shop.escrow.events[name]().process_receipt(mined, errors=DISCARD)
    ]
    return [(name, payment) for _, name, payment in sorted(found)]


def why(shop: OnChain, mined: TxReceipt) -> list[str]:
    skipped = shop.escrow.events["ItemSkipped"]().process_receipt(mined, errors=DISCARD)
    return [in_words(log["args"]["reason"]).split("(")[0] for log in skipped]


async def test_an_authorization_that_failed_is_told_as_skipped_and_no_more(shop: OnChain) -> None:
    good, stolen, last = shop.terms(), shop.terms(), shop.terms()

    mined = await shop.authorize_batch([good, stolen, last], [shop.payer, person("thief"), shop.payer])

    assert told(shop, mined) == [
        ("PaymentAuthorized", shop.id_of(good)),
        ("ItemSkipped", shop.id_of(stolen)),
        ("PaymentAuthorized", shop.id_of(last)),
    ]


async def test_a_run_whose_transfer_failed_is_told_item_by_item(shop: OnChain) -> None:
    first, second = await shop.authorized(shop.terms()), await shop.authorized(shop.terms())
    await lose(shop, second.amount // 2)

    mined = await capture(shop, first, second)

    assert told(shop, mined) == [("PaymentCaptured", shop.id_of(first)), ("ItemSkipped", shop.id_of(second))]
    assert why(shop, mined) == ["ERC20InsufficientBalance"]


async def test_what_can_not_be_captured_is_skipped_within_a_run(shop: OnChain) -> None:
    first, second = await shop.authorized(shop.terms()), await shop.authorized(shop.terms())

    mined = await capture(shop, first, first, second)

    assert told(shop, mined) == [
        ("PaymentCaptured", shop.id_of(first)),
        ("ItemSkipped", shop.id_of(first)),
        ("PaymentCaptured", shop.id_of(second)),
    ]
    assert why(shop, mined) == ["MoreThanHeld"]


async def lose(shop: OnChain, amount: int) -> None:
    """The escrow has less than it owes, as with a token whose balances shrink by themselves."""
    escrow = shop.addresses.escrow
    for method, arguments in (("anvil_impersonateAccount", [escrow]), ("anvil_setBalance", [escrow, hex(10**18)])):
        await shop.node.web3.provider.make_request(RPCEndpoint(method), arguments)
    await shop.send(shop.token.functions.transfer(shop.admin, amount), escrow)


async def capture(shop: OnChain, *batch: Terms) -> TxReceipt:
    call = shop.escrow.functions.captureBatch([(each.on_chain(), each.amount, 0) for each in batch])
    return await shop.send(call, shop.operator)
