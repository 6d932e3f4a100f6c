"""Digests of typed data (EIP-712)."""

from eth_account.messages import encode_typed_data

from domain.chain import Hash, keccak256
from domain.escrow import Eip712Domain, Terms, TypedData, escrow_domain, terms_to_sign


def digest(data: TypedData) -> Hash:
    """What is signed in the end, as EIP-191 has it."""
    signable = encode_typed_data(full_message=data.model_dump(by_alias=True))
    return f"0x{keccak256(bytes([0x19]) + signable.version + signable.header + signable.body).hex()}"


def payment_id(terms: Terms, chain_id: int, escrow: str) -> Hash:
    """The id that the escrow keeps the payment under (`Escrow.idOf`)."""
    return digest(terms_to_sign(terms, escrow_domain(chain_id, escrow)))


def separator(domain: Eip712Domain) -> Hash:
    """As contracts give it by `DOMAIN_SEPARATOR()`."""
    return f"0x{encode_typed_data(domain.model_dump(by_alias=True), {'Nothing': []}, {}).header.hex()}"
