"""The contracts on a chain of a test's own, with roles, and people who hold tokens and sign."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, NamedTuple

from eth_account import Account
from eth_account.signers.local import LocalAccount
from web3 import AsyncHTTPProvider, AsyncWeb3
from web3.contract import AsyncContract
from web3.types import TxReceipt

from contracts import Name, artifact
from sandbox.chain import CHAIN_ID, Chain

# Python's own limit. py_ecc, which web3 brings along, makes it a hundred times as deep: deep JSON in a request would
# end the process then, instead of being refused.
sys.setrecursionlimit(1_000)

# The first block's time. Expiries are counted from it, so that each run sends the same bytes.
GENESIS = 1_800_000_000
HOUR, DAY = 3_600, 86_400
_GAS_LIMIT = 29_000_000
_RECEIVE = {
    "ReceiveWithAuthorization": [
        {"name": "from", "type": "address"},
        {"name": "to", "type": "address"},
        {"name": "value", "type": "uint256"},
        {"name": "validAfter", "type": "uint256"},
        {"name": "validBefore", "type": "uint256"},
        {"name": "nonce", "type": "bytes32"},
    ]
}


class Terms(NamedTuple):
    """As the contract has them, in its order."""

    payer: str
    receiver: str
    token: str
    amount: int
    pre_approval_expiry: int
    authorization_expiry: int
    refund_expiry: int
    max_fee_bps: int
    salt: int


def person(name: str) -> LocalAccount:
    """A key that is the same in every run."""
    made: LocalAccount = Account.from_key(sha256(name.encode()).digest())
    return made


@dataclass
class OnChain:
    """Contracts and who may do what with them; the accounts are the node's own, which signs for them."""

    web3: AsyncWeb3[AsyncHTTPProvider]
    admin: str
    operator: str
    receiver: str
    fee_recipient: str
    payer: LocalAccount = field(default_factory=lambda: person("payer"))
    escrow: AsyncContract = field(init=False)
    anchor: AsyncContract = field(init=False)
    token: AsyncContract = field(init=False)
    _salts: int = 0

    async def deploy(self) -> None:
        self.escrow = await self._deployed("Escrow", self.admin, 0, self.fee_recipient)
        self.anchor = await self._deployed("Anchor", self.admin, 0)
        self.token = await self._deployed("TestToken")
        roles = ((self.escrow, "OPERATOR_ROLE"), (self.anchor, "ANCHORER_ROLE"))
        for contract, role in roles:
            named = await contract.functions[role]().call()
            await self.send(contract.functions.grantRole(named, self.operator), self.admin)
        await self.send(self.escrow.functions.setTokenAllowed(self.token.address, True), self.admin)

    async def send(self, call: Any, sender: str) -> TxReceipt:
        """Mined, and not reverted."""
        mined = await self.web3.eth.wait_for_transaction_receipt(
            await call.transact({"from": sender, "gas": _GAS_LIMIT}), poll_latency=0.005
        )
        assert mined["status"] == 1, call
        return mined

    async def give(self, *holders: str, amount: int = 10**9) -> None:
        for holder in holders:
            await self.send(self.token.functions.faucet(holder, amount), self.admin)

    def terms(self, payer: str | None = None, receiver: str | None = None, amount: int = 10_000_000) -> Terms:
        self._salts += 1
        # As large as a UUID, which a service would take.
        salt = int.from_bytes(sha256(str(self._salts).encode()).digest()[:16])
        return Terms(
            payer=payer or self.payer.address,
            receiver=receiver or self.receiver,
            token=self.token.address,
            amount=amount,
            pre_approval_expiry=GENESIS + DAY,
            authorization_expiry=GENESIS + 7 * DAY,
            refund_expiry=GENESIS + 90 * DAY,
            max_fee_bps=500,
            salt=salt,
        )

    async def signed(self, terms: Terms, payer: LocalAccount | None = None) -> bytes:
        """The payer's EIP-3009 authorization for these terms."""
        domain = {
            "name": "Holdfast Test Dollar",
            "version": "1",
            "chainId": CHAIN_ID,
            "verifyingContract": self.token.address,
        }
        message = {
            "from": terms.payer,
            "to": self.escrow.address,
            "value": terms.amount,
            "validAfter": 0,
            "validBefore": terms.pre_approval_expiry,
            "nonce": await self.escrow.functions.idOf(terms).call(),
        }
        return bytes((payer or self.payer).sign_typed_data(domain, _RECEIVE, message).signature)

    async def authorized(self, terms: Terms) -> Terms:
        await self.send(self.escrow.functions.authorize(terms, await self.signed(terms)), self.operator)
        return terms

    async def authorize_batch(self, batch: Sequence[Terms], payers: Sequence[LocalAccount]) -> TxReceipt:
        items = [(terms, await self.signed(terms, payer)) for terms, payer in zip(batch, payers, strict=True)]
        return await self.send(self.escrow.functions.authorizeBatch(items), self.operator)

    def skipped(self, mined: TxReceipt) -> int:
        """How many items of a batch were skipped, or not tried."""
        topics = {self.escrow.events[name]().topic for name in ("ItemSkipped", "BatchStopped")}
        return sum(log["topics"][0].to_0x_hex() in topics for log in mined["logs"])

    async def _deployed(self, name: Name, *arguments: Any) -> AsyncContract:
        made = artifact(name)
        factory = self.web3.eth.contract(abi=made.abi, bytecode=made.bytecode)
        mined = await self.send(factory.constructor(*arguments), self.admin)
        address = mined["contractAddress"]
        assert address is not None
        return self.web3.eth.contract(address=address, abi=made.abi)


async def on_chain(chain: Chain) -> OnChain:
    web3 = AsyncWeb3(AsyncHTTPProvider(chain.rpc))
    accounts: Sequence[str] = await web3.eth.accounts
    made = OnChain(web3, accounts[0], accounts[1], accounts[2], accounts[3])
    await made.deploy()
    return made
