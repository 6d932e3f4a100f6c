"""What a token says of itself, for signatures over it."""

from domain.chain import Address
from domain.errors import RequestRefusedByProvider, TokenDomainUnknown, TransactionReverted
from domain.escrow import Eip712Domain
from providers.chain.node import Node
from providers.chain.typed_data import separator


def _view(name: str, outputs: tuple[str, ...], inputs: tuple[str, ...] = ()) -> dict[str, object]:
    return {
        "type": "function",
        "name": name,
        "stateMutability": "view",
        "inputs": [{"name": "", "type": each} for each in inputs],
        "outputs": [{"name": "", "type": each} for each in outputs],
    }


_ABI = [
    _view("name", ("string",)),
    _view("version", ("string",)),
    _view("DOMAIN_SEPARATOR", ("bytes32",)),
    _view("nonces", ("uint256",), ("address",)),
]
# Where a token has no version(): OpenZeppelin's permit doesn't say it either.
_VERSIONS = ("1", "2")


class Token:
    def __init__(self, node: Node, address: Address) -> None:
        self._node = node
        self._address = address
        self._contract = node.contract_with(_ABI, address)

    async def domain(self) -> Eip712Domain:
        """In which a holder's signatures are good. Raises TokenDomainUnknown where no name and version give the
        token's own separator, for a signature in a domain that was guessed is good for nothing.
        """
        functions = self._contract.functions
        try:
            name = await self._node.read(functions.name())
            theirs = "0x" + bytes(await self._node.read(functions.DOMAIN_SEPARATOR())).hex()
        except (TransactionReverted, RequestRefusedByProvider) as error:
            raise TokenDomainUnknown(token=self._address) from error
        for version in await self._versions():
            domain = Eip712Domain(
                name=name, version=version, chain_id=self._node.chain_id, verifying_contract=self._address
            )
            if separator(domain) == theirs:
                return domain
        raise TokenDomainUnknown(token=self._address)

    async def permit_nonce(self, owner: Address) -> int:
        """The one that the owner's next permit (EIP-2612) has."""
        return int(await self._node.read(self._contract.functions.nonces(owner)))

    async def _versions(self) -> tuple[str, ...]:
        try:
            return (str(await self._node.read(self._contract.functions.version())),)
        except TransactionReverted:
            return _VERSIONS
