"""Keys in this process: from an encrypted keystore file (Web3 Secret Storage, as geth writes it), or as they are."""

import json
import os
from pathlib import Path

from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_utils.address import to_checksum_address

from domain.chain import Address, SignedTransaction, Transaction
from domain.errors import KeyUnreadable

_SHORTEST_PASSWORD = 12


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


def given(*, keystore: Path | None, password: str | None, key: str | None) -> KeySigner:
    """By the one of both that was given. Raises KeyUnreadable."""
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
    """Make a key, and write it encrypted; FileExistsError rather than to overwrite one, KeyUnreadable for a password
    that is too short.
    """
    if len(password) < _SHORTEST_PASSWORD:
        raise KeyUnreadable(reason=f"its password would have less than {_SHORTEST_PASSWORD} characters")
    account = Account.create()
    kept = json.dumps(account.encrypt(password), indent=2)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
        stream.write(kept)
        stream.flush()
        os.fsync(stream.fileno())
    return str(account.address)
