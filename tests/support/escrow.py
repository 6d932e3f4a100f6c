"""The contracts on a chain of a test's own, with roles, and people who hold tokens and sign."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_account.signers.local import LocalAccount
from web3.contract import AsyncContract
from web3.types import TxReceipt

from domain.chain import Address
from domain.escrow import Eip712Domain, Terms, TypedData, authorization_to_sign
from providers.chain.deploying import Deployer
from providers.chain.deployments import Addresses, Deployment, Wish
from providers.chain.erc20 import Token
from providers.chain.keys import KeySigner, from_key
from providers.chain.node import Node
from providers.chain.typed_data import payment_id
from sandbox.chain import ACCOUNTS

# The first block's time. Expiries are counted from it, so that each run sends the same bytes.
GENESIS = 1_800_000_000
HOUR, DAY = 3_600, 86_400
FEE_LIMIT = 10**18
_GAS_LIMIT = 29_000_000


def person(name: str) -> LocalAccount:
    """A key that is the same in every run."""
    made: LocalAccount = Account.from_key(sha256(name.encode()).digest())
    return made


def deployer() -> KeySigner:
    return from_key(ACCOUNTS["admin"].key)


def wish(**otherwise: Any) -> Wish:
    named = {role: ACCOUNTS[role].address for role in ("operator", "pauser", "anchorer", "fee_recipient")}
    return Wish(**{**named, "admin_delay": 0, **otherwise})


async def deployed(node: Node) -> Deployment:
    with TemporaryDirectory() as record:
        work = Deployer(node, deployer(), Path(record), fee_limit=FEE_LIMIT, say=lambda _: None)
        assert await work.deploy(wish(), test_token=True) == []
        found = Deployment.of(Path(record), node.chain_id)
    assert found is not None
    return found


def sign(payer: LocalAccount, data: TypedData) -> bytes:
    """As a wallet does."""
    return bytes(payer.sign_message(encode_typed_data(full_message=data.model_dump(by_alias=True))).signature)


@dataclass
class OnChain:
    """Contracts, and who may do what with them; the accounts are the node's own, which signs for them."""

    node: Node
    addresses: Addresses
    token_domain: Eip712Domain
    payer: LocalAccount = field(default_factory=lambda: person("payer"))
    admin: Address = ACCOUNTS["admin"].address
    operator: Address = ACCOUNTS["operator"].address
    anchorer: Address = ACCOUNTS["anchorer"].address
    receiver: Address = ACCOUNTS["receiver"].address
    _salts: int = 0

    def __post_init__(self) -> None:
        assert self.addresses.token is not None
        self.escrow: AsyncContract = self.node.contract("Escrow", self.addresses.escrow)
        self.anchor: AsyncContract = self.node.contract("Anchor", self.addresses.anchor)
        self.token: AsyncContract = self.node.contract("TestToken", self.addresses.token)

    async def send(self, call: Any, sender: Address) -> TxReceipt:
        """Mined, and not reverted."""
        mined = await self.node.web3.eth.wait_for_transaction_receipt(
            await call.transact({"from": sender, "gas": _GAS_LIMIT}), poll_latency=0.005
        )
        assert mined["status"] == 1, call
        return mined

    async def give(self, *holders: str, amount: int = 10**9) -> None:
        for holder in holders:
            await self.send(self.token.functions.faucet(holder, amount), self.admin)

    def terms(self, payer: Address | None = None, receiver: Address | None = None, amount: int = 10_000_000) -> Terms:
        self._salts += 1
        # As large as a UUID, which a service would take.
        salt = int.from_bytes(sha256(str(self._salts).encode()).digest()[:16])
        return Terms(
            payer=payer or self.payer.address,
            receiver=receiver or self.receiver,
            token=self.addresses.token,
            amount=amount,
            pre_approval_expiry=GENESIS + DAY,
            authorization_expiry=GENESIS + 7 * DAY,
            refund_expiry=GENESIS + 90 * DAY,
            max_fee_bps=500,
            salt=salt,
        )

    def id_of(self, terms: Terms) -> str:
        return payment_id(terms, self.node.chain_id, self.addresses.escrow)

    def signed(self, terms: Terms, payer: LocalAccount | None = None) -> bytes:
        """The payer's EIP-3009 authorization for these terms."""
        data = authorization_to_sign(terms, self.id_of(terms), self.addresses.escrow, self.token_domain)
        return sign(payer or self.payer, data)

    async def authorized(self, terms: Terms) -> Terms:
        call = self.escrow.functions.authorize(terms.on_chain(), self.signed(terms))
        await self.send(call, self.operator)
        return terms

    async def authorize_batch(self, batch: Sequence[Terms], payers: Sequence[LocalAccount]) -> TxReceipt:
        items = [(terms.on_chain(), self.signed(terms, payer)) for terms, payer in zip(batch, payers, strict=True)]
        return await self.send(self.escrow.functions.authorizeBatch(items), self.operator)

    def skipped(self, mined: TxReceipt) -> int:
        """How many items of a batch were skipped, or not tried."""
        topics = {self.escrow.events[name]().topic for name in ("ItemSkipped", "BatchStopped")}
        return sum(log["topics"][0].to_0x_hex() in topics for log in mined["logs"])


async def on_chain(node: Node) -> OnChain:
    addresses = (await deployed(node)).addresses
    assert addresses.token is not None
    return OnChain(node, addresses, await Token(node, addresses.token).domain())
