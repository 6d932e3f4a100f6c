"""Keys in this process: from an encrypted keystore file (Web3 Secret Storage, as geth writes it), or as they are."""

import json
import os
from pathlib import Path

from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_utils.address import to_checksum_address

from domain.chain import Address, SignedTransaction, Transaction
from domain.errors import KeyPublic, KeyUnreadable, PasswordTooShort

_SHORTEST_PASSWORD = 12
# The accounts that anvil (ten) and Hardhat (twenty) begin with: from the words "test test … junk", at m/44'/60'/0'/0.
# On chains where others are, programs wait to take what such an account is sent.
_PUBLIC = frozenset(
    {
        "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266",
        "0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
        "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC",
        "0x90F79bf6EB2c4f870365E785982E1f101E93b906",
        "0x15d34AAf54267DB7D7c367839AAf71A00a2C6A65",
        "0x9965507D1a55bcC2695C58ba16FB37d819B0A4dc",
        "0x976EA74026E726554dB657fA54763abd0C3a0aa9",
        "0x14dC79964da2C08b23698B3D3cc7Ca32193d9955",
        "0x23618e81E3f5cdF7f54C3d65f7FBc0aBf5B21E8f",
        "0xa0Ee7A142d267C1f36714E4a8F75612F20a79720",
        "0xBcd4042DE499D14e55001CcbB24a551F3b954096",
        "0x71bE63f3384f5fb98995898A86B02Fb2426c5788",
        "0xFABB0ac9d68B0B445fB7357272Ff202C5651694a",
        "0x1CBd3b2770909D4e10f157cABC84C7264073C9Ec",
        "0xdF3e18d64BC6A983f673Ab319CCaE4f1a57C7097",
        "0xcd3B766CCDd6AE721141F452C550Ca635964ce71",
        "0x2546BcD3c84621e976D8185a91A922aE77ECEc30",
        "0xbDA5747bFD65F08deb54cb465eB87D40e51B197E",
        "0xdD2FD4581271e230360230F9337D5c0430Bf44C0",
        "0x8626f6940E2eb28930eFb4CeF49B2d1F2C9C1199",
    }
)
# What both call the chain that they begin.
_LOCAL_CHAIN = 31337


class KeySigner:
    """Signs whatever it is given: `LimitedSigner` stands before it."""

    def __init__(self, account: LocalAccount) -> None:
        self._account = account

    @property
    def address(self) -> Address:
        return str(self._account.address)

    async def sign(self, transaction: Transaction) -> SignedTransaction:
        signed = self._account.sign_transaction(
            {
                "type": 2,
                "chainId": transaction.chain_id,
                "nonce": transaction.nonce,
                "to": to_checksum_address(transaction.to),
                "data": transaction.data,
                "value": transaction.value,
                "gas": transaction.gas,
                "maxFeePerGas": transaction.max_fee_per_gas,
                "maxPriorityFeePerGas": transaction.max_priority_fee_per_gas,
            }
        )
        return SignedTransaction(hash=signed.hash.to_0x_hex(), raw=bytes(signed.raw_transaction))


def given(chain_id: int, *, keystore: Path | None, password: str | None, key: str | None) -> KeySigner:
    """Who signs for a chain, by the keystore or the key, whichever is set.

    Raises KeyUnreadable, and KeyPublic for a key that stands in every manual.
    """
    signer = _read(keystore, password, key)
    if signer.address in _PUBLIC and chain_id != _LOCAL_CHAIN:
        raise KeyPublic(address=signer.address)
    return signer


def _read(keystore: Path | None, password: str | None, key: str | None) -> KeySigner:
    if keystore is None and key is None:
        raise KeyUnreadable(reason="neither a keystore nor a private key is set")
    if keystore is not None and key is not None:
        raise KeyUnreadable(reason="a keystore and a private key are set, and only one of them can sign")
    if keystore is None:
        return from_key(key or "")
    if password is None:
        raise KeyUnreadable(reason="the keystore's password is not set")
    return from_keystore(keystore, password)


def from_key(key: str) -> KeySigner:
    """A key of 32 bytes in hexadecimal. Raises KeyUnreadable, without the key."""
    try:
        return KeySigner(Account.from_key(key))
    except Exception:  # noqa: BLE001 - whatever the library says may quote the key
        raise KeyUnreadable(reason="it is no private key of 32 bytes in hexadecimal") from None


def from_keystore(file: Path, password: str) -> KeySigner:
    """Raises KeyUnreadable; takes a second, for a password is meant to be slow to try."""
    try:
        key = Account.decrypt(file.read_text(), password)
    except OSError as error:
        raise KeyUnreadable(reason=f"{file}: {error.strerror}") from None
    except Exception as error:  # noqa: BLE001 - a file that is no keystore fails in many ways
        raise KeyUnreadable(reason=f"{file}: no keystore, or another password ({type(error).__name__})") from None
    return KeySigner(Account.from_key(key))


def new_keystore(file: Path, password: str) -> Address:
    """Make a key, and write it encrypted; FileExistsError rather than to overwrite one. Raises PasswordTooShort."""
    if len(password) < _SHORTEST_PASSWORD:
        raise PasswordTooShort(least=_SHORTEST_PASSWORD)
    account = Account.create()
    kept = json.dumps(account.encrypt(password), indent=2)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
        stream.write(kept)
        stream.flush()
        os.fsync(stream.fileno())
    return str(account.address)
