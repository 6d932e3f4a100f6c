"""A payment into escrow: its terms, and what the payer signs for it (S1, P6), as the Escrow contract has them."""

from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, JsonValue, model_validator
from pydantic.alias_generators import to_camel

from domain.chain import Address, Hash
from domain.values import Value

Uint48 = Annotated[int, Field(ge=0, lt=2**48)]
Uint120 = Annotated[int, Field(ge=0, lt=2**120)]
Uint256 = Annotated[int, Field(ge=0, lt=2**256)]

_ESCROW_NAME, _ESCROW_VERSION = "Holdfast Escrow", "1"
Fields = tuple[tuple[str, str], ...]
_TERMS: Fields = (
    ("payer", "address"),
    ("receiver", "address"),
    ("token", "address"),
    ("amount", "uint120"),
    ("preApprovalExpiry", "uint48"),
    ("authorizationExpiry", "uint48"),
    ("refundExpiry", "uint48"),
    ("maxFeeBps", "uint16"),
    ("salt", "uint256"),
)
_RECEIVE: Fields = (
    ("from", "address"),
    ("to", "address"),
    ("value", "uint256"),
    ("validAfter", "uint256"),
    ("validBefore", "uint256"),
    ("nonce", "bytes32"),
)
_PERMIT: Fields = (
    ("owner", "address"),
    ("spender", "address"),
    ("value", "uint256"),
    ("nonce", "uint256"),
    ("deadline", "uint256"),
)
_DOMAIN: Fields = (
    ("name", "string"),
    ("version", "string"),
    ("chainId", "uint256"),
    ("verifyingContract", "address"),
)


class _Signed(Value):
    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=True, validate_by_alias=True)


class Terms(_Signed):
    """What a payer agrees to. Amount in the token's smallest unit; expiries in seconds since 1970, and in order."""

    payer: Address
    receiver: Address
    token: Address
    amount: Annotated[Uint120, Field(gt=0)]
    pre_approval_expiry: Uint48
    authorization_expiry: Uint48
    refund_expiry: Uint48
    max_fee_bps: Annotated[int, Field(ge=0, le=10_000)]
    salt: Uint256

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not self.pre_approval_expiry <= self.authorization_expiry <= self.refund_expiry:
            raise ValueError("the expiries are not in order")
        return self

    def on_chain(self) -> tuple[str | int, ...]:
        """As the contract's functions take them."""
        return tuple(getattr(self, name) for name in type(self).model_fields)


class Eip712Domain(_Signed):
    """Where a signature is good (EIP-712): a contract on a chain."""

    name: str
    version: str
    chain_id: int
    verifying_contract: Address


class TypedField(Value):
    name: str
    type: str


class TypedData(_Signed):
    """What a wallet shows and signs (`eth_signTypedData_v4`); integers of the message are decimal strings."""

    types: dict[str, list[TypedField]]
    primary_type: str
    domain: Eip712Domain
    message: dict[str, JsonValue]


def escrow_domain(chain_id: int, escrow: Address) -> Eip712Domain:
    return Eip712Domain(name=_ESCROW_NAME, version=_ESCROW_VERSION, chain_id=chain_id, verifying_contract=escrow)


def terms_to_sign(terms: Terms, domain: Eip712Domain) -> TypedData:
    """In the escrow's domain. Their digest is the payment's id, which a payer signs where a permit funds it."""
    return _typed("Terms", _TERMS, domain, terms.on_chain())


def authorization_to_sign(terms: Terms, payment: Hash, escrow: Address, token: Eip712Domain) -> TypedData:
    """In the token's domain (EIP-3009): good for the payment's terms alone, until the pre-approval expires."""
    values = (terms.payer, escrow, terms.amount, 0, terms.pre_approval_expiry, payment)
    return _typed("ReceiveWithAuthorization", _RECEIVE, token, values)


def permit_to_sign(terms: Terms, nonce: int, escrow: Address, token: Eip712Domain) -> TypedData:
    """In the token's domain (EIP-2612): `nonce` is the payer's next one; good until the pre-approval expires."""
    values = (terms.payer, escrow, terms.amount, nonce, terms.pre_approval_expiry)
    return _typed("Permit", _PERMIT, token, values)


def _typed(
    kind: Literal["Terms", "ReceiveWithAuthorization", "Permit"],
    fields: Fields,
    domain: Eip712Domain,
    values: tuple[str | int, ...],
) -> TypedData:
    named = {"EIP712Domain": _DOMAIN, kind: fields}
    return TypedData(
        types={each: [TypedField(name=name, type=of) for name, of in its] for each, its in named.items()},
        primary_type=kind,
        domain=domain,
        # JavaScript reads numbers exactly up to 2^53 only.
        message={name: str(value) for (name, _), value in zip(fields, values, strict=True)},
    )
