"""The port to a chain's accounts: what a transaction is, who signs it, and what no signer of ours may sign."""

from typing import Annotated, Protocol

from Crypto.Hash import keccak
from pydantic import AfterValidator, Field, StringConstraints

from domain.errors import ChainDiffers, ContractUnknown, FeeAboveLimit, ValueAboveLimit
from domain.values import Value


def keccak256(data: bytes) -> bytes:
    """As Ethereum hashes; SHA3-256 pads otherwise."""
    return keccak.new(data=data, digest_bits=256).digest()


def checksummed(address: str) -> str:
    """The address as EIP-55 writes it; ValueError for capitals that are wrong, so that a typing error is seen."""
    digits = address[2:].lower()
    hashed = keccak256(digits.encode()).hex()
    right = "".join(each.upper() if nibble >= "8" else each for each, nibble in zip(digits, hashed, strict=False))
    if address[2:] not in (digits, digits.upper(), right):
        raise ValueError("its capitals are wrong (EIP-55)")
    return f"0x{right}"


Address = Annotated[str, StringConstraints(pattern=r"^0x[0-9a-fA-F]{40}$"), AfterValidator(checksummed)]
# 32 bytes in hexadecimal: a transaction's hash, a payment's id, a root.
Hash = Annotated[str, StringConstraints(pattern=r"^0x[0-9a-f]{64}$")]


class Transaction(Value):
    """A call of a contract, as EIP-1559 has it; value and fees in wei, fees for each unit of gas."""

    chain_id: int = Field(gt=0)
    nonce: int = Field(ge=0)
    to: Address
    data: bytes
    value: int = Field(default=0, ge=0)
    gas: int = Field(gt=0)
    max_fee_per_gas: int = Field(gt=0)
    max_priority_fee_per_gas: int = Field(ge=0)

    @property
    def highest_fee(self) -> int:
        """What the transaction takes at most beside its value, in wei."""
        return self.gas * self.max_fee_per_gas


class SignedTransaction(Value):
    """The bytes that are sent, and the hash they are known by."""

    hash: Hash
    raw: bytes


class Signer(Protocol):
    """An account that signs, wherever its key is: in this process, or with a service that never gives it away."""

    @property
    def address(self) -> Address: ...

    async def sign(self, transaction: Transaction) -> SignedTransaction:
        """Sign; the same transaction gives the same bytes."""
        ...


class SignerLimits(Value):
    """What may be signed: on one chain, to known contracts, with no more value and no higher fee, in wei."""

    chain_id: int
    contracts: frozenset[Address]
    value: int = 0
    fee: int

    def check(self, transaction: Transaction) -> None:
        """Raises ChainDiffers, ContractUnknown, ValueAboveLimit or FeeAboveLimit."""
        if transaction.chain_id != self.chain_id:
            raise ChainDiffers(theirs=transaction.chain_id, ours=self.chain_id)
        if transaction.to not in self.contracts:
            raise ContractUnknown(address=transaction.to)
        if transaction.value > self.value:
            raise ValueAboveLimit(value=transaction.value, limit=self.value)
        if transaction.highest_fee > self.fee:
            raise FeeAboveLimit(fee=transaction.highest_fee, limit=self.fee)


class LimitedSigner:
    """A signer that never sees what is not allowed."""

    def __init__(self, signer: Signer, limits: SignerLimits) -> None:
        self._signer = signer
        self._limits = limits

    @property
    def address(self) -> Address:
        return self._signer.address

    async def sign(self, transaction: Transaction) -> SignedTransaction:
        """Raises as `SignerLimits.check`."""
        self._limits.check(transaction)
        return await self._signer.sign(transaction)
