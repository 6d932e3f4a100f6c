"""Who signs, and what no signer of ours signs."""

import json
from pathlib import Path

import pytest
from eth_account import Account
from eth_account.typed_transactions.typed_transaction import TypedTransaction
from hexbytes import HexBytes

from domain.chain import LimitedSigner, SignedTransaction, SignerLimits, Transaction
from domain.errors import (
    ChainDiffers,
    ContractUnknown,
    FeeAboveLimit,
    HoldfastError,
    KeyPublic,
    KeyUnreadable,
    ValueAboveLimit,
)
from providers.chain.keys import from_key, from_keystore, given, new_keystore
from sandbox.chain import CHAIN_ID

KEY = "0x" + "17" * 32
KNOWN, STRANGER = "0x" + "11" * 20, "0x" + "22" * 20
LIMITS = SignerLimits(chain_id=8453, contracts=frozenset({KNOWN}), value=5, fee=1_000)
CALL = Transaction(
    chain_id=8453, nonce=3, to=KNOWN, data=b"\x01", value=5, gas=100, max_fee_per_gas=10, max_priority_fee_per_gas=1
)


class Recorder:
    """A signer that writes down what it is asked to sign."""

    address = KNOWN

    def __init__(self) -> None:
        self.asked: list[Transaction] = []

    async def sign(self, transaction: Transaction) -> SignedTransaction:
        self.asked.append(transaction)
        return SignedTransaction(hash="0x" + "00" * 32, raw=b"")


async def test_what_is_within_the_limits_is_signed() -> None:
    key = Recorder()

    await LimitedSigner(key, LIMITS).sign(CALL)

    assert key.asked == [CALL]


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({"chain_id": 1}, ChainDiffers),
        ({"to": STRANGER}, ContractUnknown),
        ({"value": 6}, ValueAboveLimit),
        ({"gas": 101}, FeeAboveLimit),
        ({"max_fee_per_gas": 11}, FeeAboveLimit),
    ],
    ids=str,
)
async def test_what_is_beyond_a_limit_never_reaches_the_key(
    change: dict[str, object], refusal: type[HoldfastError]
) -> None:
    key = Recorder()

    with pytest.raises(refusal):
        await LimitedSigner(key, LIMITS).sign(CALL.model_copy(update=change))

    assert key.asked == []


async def test_a_key_signs_the_transaction_as_it_is() -> None:
    signed = await from_key(KEY).sign(CALL)

    sent = TypedTransaction.from_bytes(HexBytes(signed.raw)).as_dict()
    fields = ("chainId", "nonce", "value", "gas", "maxFeePerGas", "maxPriorityFeePerGas")
    assert [sent[field] for field in fields] == [8453, 3, 5, 100, 10, 1]
    assert (HexBytes(sent["to"]), HexBytes(sent["data"])) == (HexBytes(KNOWN), HexBytes("0x01"))
    assert Account.recover_transaction(signed.raw) == from_key(KEY).address


async def test_the_same_transaction_gives_the_same_bytes() -> None:
    assert await from_key(KEY).sign(CALL) == await from_key(KEY).sign(CALL)


def test_a_new_keystore_opens_with_its_password_alone(tmp_path: Path) -> None:
    file = tmp_path / "operator.json"

    address = new_keystore(file, "correct horse battery")

    assert from_keystore(file, "correct horse battery").address == address
    with pytest.raises(KeyUnreadable):
        from_keystore(file, "battery staple")
    assert file.stat().st_mode & 0o077 == 0


def test_a_keystore_is_never_overwritten(tmp_path: Path) -> None:
    file = tmp_path / "operator.json"
    file.write_text("mine")

    with pytest.raises(FileExistsError):
        new_keystore(file, "correct horse battery")

    assert file.read_text() == "mine"


@pytest.mark.parametrize("text", ["", "{}", "[]", "no json", json.dumps({"version": 3, "crypto": {}})])
def test_what_is_no_keystore_is_said_to_be_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "key").write_text(text)

    with pytest.raises(KeyUnreadable):
        from_keystore(tmp_path / "key", "any")


def test_a_keystore_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(KeyUnreadable, match=r"nowhere\.json"):
        from_keystore(tmp_path / "nowhere.json", "any")


@pytest.mark.parametrize("chain_id", [1, 1337, 8453])
def test_a_key_that_everybody_knows_signs_for_a_local_chain_alone(chain_id: int) -> None:
    Account.enable_unaudited_hdwallet_features()
    words = " ".join(["test"] * 11 + ["junk"])
    for index in range(20):
        known = Account.from_mnemonic(words, account_path=f"m/44'/60'/0'/0/{index}")
        key = known.key.to_0x_hex()
        assert given(CHAIN_ID, keystore=None, password=None, key=key).address == known.address
        with pytest.raises(KeyPublic, match=known.address):
            given(chain_id, keystore=None, password=None, key=key)

    assert given(chain_id, keystore=None, password=None, key=KEY).address == from_key(KEY).address


@pytest.mark.parametrize("key", ["", "0x", "12" * 31, "zz" * 32, "00" * 32, "ff" * 32])
def test_a_wrong_key_is_refused_and_not_shown(key: str) -> None:
    with pytest.raises(KeyUnreadable) as refused:
        from_key(key)

    assert not key or key not in str(refused.value)
    assert refused.value.__cause__ is None
