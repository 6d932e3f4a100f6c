"""What payers sign, as Python builds it, against the contracts on anvil."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from eth_account.signers.local import LocalAccount
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from web3.exceptions import ContractCustomError
from web3.types import RPCEndpoint

from domain.chain import checksummed
from domain.errors import TokenDomainUnknown
from domain.escrow import Terms, escrow_domain, permit_to_sign, terms_to_sign
from providers.chain.erc20 import Token
from providers.chain.typed_data import digest, separator
from tests.support.chains import fresh_chain
from tests.support.escrow import GENESIS, OnChain, on_chain, person, sign

addresses = st.binary(min_size=20, max_size=20).map(lambda raw: checksummed("0x" + raw.hex()))
expiries = st.lists(st.integers(0, 2**48 - 1), min_size=3, max_size=3).map(sorted)


@st.composite
def any_terms(draw: st.DrawFn) -> Terms:
    first, second, third = draw(expiries)
    return Terms(
        payer=draw(addresses),
        receiver=draw(addresses),
        token=draw(addresses),
        amount=draw(st.integers(1, 2**120 - 1)),
        pre_approval_expiry=first,
        authorization_expiry=second,
        refund_expiry=third,
        max_fee_bps=draw(st.integers(0, 10_000)),
        salt=draw(st.integers(0, 2**256 - 1)),
    )


@pytest_asyncio.fixture(scope="module")
async def shop(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[OnChain]:
    async with fresh_chain(tmp_path_factory.mktemp("chain"), genesis=GENESIS) as node:
        yield await on_chain(node)


async def payer(shop: OnChain, name: str) -> LocalAccount:
    made = person(name)
    await shop.give(made.address)
    return made


async def status(shop: OnChain, terms: Terms) -> int:
    payment = await shop.escrow.functions.getPayment(bytes.fromhex(shop.id_of(terms)[2:])).call()
    return int(payment[0])


def permitted(terms: Terms, signature: bytes, permit: bytes) -> tuple[object, ...]:
    r, s, v = permit[:32], permit[32:64], permit[64]
    return terms.on_chain(), signature, (terms.pre_approval_expiry, v, r, s)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(terms=any_terms())
async def test_a_payment_s_id_is_the_contract_s(shop: OnChain, terms: Terms) -> None:
    theirs = await shop.escrow.functions.idOf(terms.on_chain()).call()

    assert shop.id_of(terms) == "0x" + bytes(theirs).hex()


async def test_the_same_terms_have_another_id_on_another_chain_and_in_another_contract(shop: OnChain) -> None:
    terms, escrow = shop.terms(), shop.addresses.escrow

    ids = {
        digest(terms_to_sign(terms, escrow_domain(chain, contract)))
        for chain in (1, 31337)
        for contract in (escrow, shop.addresses.anchor)
    }

    assert len(ids) == 4


async def test_a_payer_s_authorization_is_good(shop: OnChain) -> None:
    buyer = await payer(shop, "by EIP-3009")
    terms = shop.terms(buyer.address)

    await shop.send(shop.escrow.functions.authorize(terms.on_chain(), shop.signed(terms, buyer)), shop.operator)

    assert await status(shop, terms) == 1


async def test_a_payer_s_permit_is_good_and_the_next_has_another_nonce(shop: OnChain) -> None:
    buyer = await payer(shop, "by EIP-2612")
    escrow, token = shop.addresses.escrow, Token(shop.node, shop.token_domain.verifying_contract)

    for _ in range(2):
        terms = shop.terms(buyer.address)
        signature = sign(buyer, terms_to_sign(terms, escrow_domain(shop.node.chain_id, escrow)))
        nonce = await token.permit_nonce(buyer.address)
        permit = sign(buyer, permit_to_sign(terms, nonce, escrow, shop.token_domain))
        call = shop.escrow.functions.authorizeWithPermit(*permitted(terms, signature, permit))
        await shop.send(call, shop.operator)

        assert await status(shop, terms) == 1

    assert await token.permit_nonce(buyer.address) == 2


async def test_another_s_authorization_is_refused(shop: OnChain) -> None:
    buyer = await payer(shop, "robbed")
    terms = shop.terms(buyer.address)
    call = shop.escrow.functions.authorize(terms.on_chain(), shop.signed(terms, person("thief")))

    with pytest.raises(ContractCustomError):
        await call.call({"from": shop.operator})

    assert await status(shop, terms) == 0


async def test_the_token_tells_in_which_domain_its_holders_sign(shop: OnChain) -> None:
    theirs = await shop.token.functions.DOMAIN_SEPARATOR().call()

    assert separator(shop.token_domain) == "0x" + bytes(theirs).hex()
    assert shop.token_domain.name == "Holdfast Test Dollar"


async def test_a_domain_that_is_not_the_token_s_own_is_not_guessed(shop: OnChain) -> None:
    token, ask = Token(shop.node, shop.token_domain.verifying_contract), shop.node.web3.provider.make_request
    await ask(RPCEndpoint("anvil_setChainId"), [shop.node.chain_id + 1])

    try:
        with pytest.raises(TokenDomainUnknown):
            await token.domain()
    finally:
        await ask(RPCEndpoint("anvil_setChainId"), [shop.node.chain_id])
    assert await token.domain() == shop.token_domain


async def test_what_is_no_such_token_is_refused(shop: OnChain) -> None:
    with pytest.raises(TokenDomainUnknown):
        await Token(shop.node, shop.addresses.escrow).domain()


@pytest.mark.parametrize(
    "wrong",
    [
        {"amount": 0},
        {"amount": 2**120},
        {"max_fee_bps": 10_001},
        {"refund_expiry": 0},
        {"pre_approval_expiry": 2**48},
        {"salt": -1},
        {"payer": "0x1234"},
        {"payer": "0xF39fd6e51aad88F6F4ce6aB8827279cffFb92266"},
    ],
    ids=str,
)
def test_terms_that_the_contract_would_not_take_can_not_be_made(shop: OnChain, wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong)).replace("refund_expiry", "not in order")):
        Terms(**{**shop.terms().model_dump(), **wrong})
