"""Why a contract refused, in words."""

import pytest
from eth_abi.abi import encode

from domain.chain import keccak256
from providers.chain.reverts import in_words


def selector(signature: str) -> bytes:
    return keccak256(signature.encode())[:4]


# A text has to be UTF-8.
NO_TEXT = selector("Error(string)") + encode(["bytes"], [b"\xff\xfe"])


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        (b"", "no reason given"),
        (selector("AmountZero()"), "AmountZero()"),
        (
            selector("MoreThanHeld(bytes32,uint256,uint256)")
            + encode(["bytes32", "uint256", "uint256"], [b"\x01" * 32, 7, 5]),
            f"MoreThanHeld(0x{'01' * 32}, 7, 5)",
        ),
        (selector("Error(string)") + encode(["string"], ["paused"]), "Error(paused)"),
        (selector("AlreadyAuthorized(bytes32)") + b"\x02" * 31, None),
        (selector("Error(string)") + encode(["string"], ["\x1b]0;owned\x07"]), "Error(\ufffd]0;owned\ufffd)"),
        (NO_TEXT, f"Error 0x{NO_TEXT.hex()}"),
        (b"\xde\xad\xbe\xef\x01", "0xdeadbeef01"),
        (b"\xde", "0xde"),
    ],
)
def test_a_reason_is_told_with_its_arguments(reason: bytes, said: str | None) -> None:
    assert in_words(reason) == (said or f"AlreadyAuthorized 0x{reason.hex()}")
