"""The node of a chain: reads, and sends what a signer signed."""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from aiohttp import ClientConnectorError, ClientError
from eth_typing import HexStr
from web3 import AsyncHTTPProvider, AsyncWeb3
from web3.contract import AsyncContract
from web3.exceptions import BadFunctionCallOutput, ContractLogicError, TimeExhausted, Web3Exception, Web3RPCError
from web3.middleware import ExtraDataToPOAMiddleware
from web3.types import BlockIdentifier, EventData, TxReceipt

from contracts import Name, artifact
from domain.chain import Address, Signer, Transaction
from domain.errors import (
    ChainDiffers,
    EtherShort,
    ProviderUnreachable,
    RequestRefusedByProvider,
    TransactionPending,
    TransactionReverted,
)
from providers.chain.reverts import in_words, printable

# More than was estimated, for the state may have moved when the transaction is mined.
_GAS_MARGIN = 1.2
_MINED_WITHIN = 180.0
_TIMEOUT = 20.0
_POLL = 0.5
# A node that refuses the events of so few blocks has another reason than their number.
_FEW_BLOCKS = 100


class Node:
    """A node that was asked which chain it is of: another one's is refused.

    All methods raise ProviderUnreachable when no answer came, and RequestRefusedByProvider when the node says no.
    """

    def __init__(self, web3: AsyncWeb3[AsyncHTTPProvider], chain_id: int) -> None:
        self.web3 = web3
        self.chain_id = chain_id

    def contract(self, name: Name, address: Address) -> AsyncContract:
        """One of ours."""
        return self.contract_with(artifact(name).abi, address)

    def contract_with(self, abi: Sequence[Mapping[str, object]], address: Address) -> AsyncContract:
        return self.web3.eth.contract(address=self.web3.to_checksum_address(address), abi=abi)

    def init_code(self, name: Name, *arguments: object) -> bytes:
        """The bytecode that deploys one of ours, with its constructor's arguments."""
        made = artifact(name)
        constructor = self.web3.eth.contract(abi=made.abi, bytecode=made.bytecode).constructor(*arguments)
        return bytes.fromhex(constructor.data_in_transaction[2:])

    async def has_code(self, address: Address) -> bool:
        with translated():
            return bool(await self.web3.eth.get_code(self.web3.to_checksum_address(address)))

    async def block_number(self, which: BlockIdentifier = "latest") -> int:
        with translated():
            return int((await self.web3.eth.get_block(which))["number"])

    async def time(self) -> int:
        """Of the latest block, in seconds since 1970."""
        with translated():
            return int((await self.web3.eth.get_block("latest"))["timestamp"])

    async def balance(self, address: Address) -> int:
        """In wei."""
        with translated():
            return int(await self.web3.eth.get_balance(self.web3.to_checksum_address(address)))

    async def read(self, call: Any) -> Any:  # noqa: ANN401 - what the contract's function gives
        with translated():
            return await call.call()

    async def logs(self, event: Any, since: int, **arguments: object) -> list[EventData]:  # noqa: ANN401 - as web3 makes it
        """What a contract told since a block, by its event with these arguments."""
        return await self._logs(event, arguments, since, await self.block_number())

    async def _logs(self, event: Any, arguments: dict[str, Any], first: int, last: int) -> list[EventData]:  # noqa: ANN401
        try:
            with translated():
                found = await event.get_logs(argument_filters=arguments, from_block=first, to_block=last)
                return list(found)
        except RequestRefusedByProvider:
            # Nodes tell so many events, or those of so many blocks, at once.
            if last - first < _FEW_BLOCKS:
                raise
        middle = (first + last) // 2
        earlier = await self._logs(event, arguments, first, middle)
        return [*earlier, *await self._logs(event, arguments, middle + 1, last)]

    async def send(self, signer: Signer, to: Address, data: bytes) -> TxReceipt:
        """Send, and wait until it is mined: for what may be sent anew if the answer is lost, as no money's move may.

        Raises TransactionPending while an earlier one of the signer's waits, EtherShort when the signer can't pay for
        it, and TransactionReverted when it would have no effect, or had none.
        """
        with translated():
            eth, sender = self.web3.eth, self.web3.to_checksum_address(signer.address)
            nonce = await eth.get_transaction_count(sender, "latest")
            if await eth.get_transaction_count(sender, "pending") != nonce:
                raise TransactionPending(sender=signer.address)
            call = {"from": sender, "to": self.web3.to_checksum_address(to), "data": data}
            gas = int(await eth.estimate_gas(call) * _GAS_MARGIN)  # type: ignore[arg-type]
            base = (await eth.get_block("latest"))["baseFeePerGas"]
            tip = await eth.max_priority_fee
            price = 2 * base + tip
            signed = await signer.sign(
                Transaction(
                    chain_id=self.chain_id,
                    nonce=nonce,
                    to=to,
                    data=data,
                    gas=gas,
                    max_fee_per_gas=price,
                    max_priority_fee_per_gas=tip,
                )
            )
            if (has := await eth.get_balance(sender)) < gas * price:
                raise EtherShort(sender=signer.address, has=has, cost=gas * price)
            await eth.send_raw_transaction(signed.raw)
            receipt = await eth.wait_for_transaction_receipt(HexStr(signed.hash), _MINED_WITHIN, _POLL)
        if receipt["status"] != 1:
            raise TransactionReverted(reason=f"transaction {signed.hash}")
        return receipt


@asynccontextmanager
async def connected(rpc: str, chain_id: int) -> AsyncIterator[Node]:
    """Raises ChainDiffers when the node is another chain's."""
    web3 = AsyncWeb3(AsyncHTTPProvider(rpc, request_kwargs={"timeout": _TIMEOUT}))
    # A contract could have us call any address otherwise (EIP-3668).
    web3.provider.global_ccip_read_enabled = False
    # Blocks of some chains say more than web3 expects (https://eips.ethereum.org/EIPS/eip-225).
    web3.middleware_onion.inject(ExtraDataToPOAMiddleware, layer=0)
    try:
        with translated():
            theirs = await web3.eth.chain_id
        if theirs != chain_id:
            raise ChainDiffers(theirs=theirs, ours=chain_id)
        yield Node(web3, chain_id)
    finally:
        await web3.provider.disconnect()


@contextmanager
def translated() -> Iterator[None]:
    """The node's errors as ours; without the node's address, which may have a key in it."""
    try:
        yield
    except ClientConnectorError as error:
        raise ProviderUnreachable(reason=f"no connection to {error.host}:{error.port}") from error
    except (ClientError, TimeoutError, OSError) as error:
        raise ProviderUnreachable(reason=type(error).__name__) from error
    except TimeExhausted as error:
        raise ProviderUnreachable(reason="not mined yet") from error
    except ContractLogicError as error:
        raise TransactionReverted(reason=in_words(_bytes(error.data))) from error
    except BadFunctionCallOutput as error:
        raise TransactionReverted(reason="there is no such contract") from error
    except Web3RPCError as error:
        raise RequestRefusedByProvider(reason=_said(error)) from error
    except (Web3Exception, UnicodeError, KeyError) as error:
        # An answer that is none, or a token's text that is none.
        raise RequestRefusedByProvider(reason=f"an answer without sense ({type(error).__name__})") from error


def _bytes(data: object) -> bytes:
    try:
        return bytes.fromhex(str(data).removeprefix("0x")) if isinstance(data, str) else b""
    except ValueError:
        return b""


def _said(error: Web3RPCError) -> str:
    """What the node itself said."""
    answer = error.rpc_response or {}
    problem = answer.get("error")
    words = problem["message"] if isinstance(problem, dict) and "message" in problem else error.message
    return printable(str(words))
