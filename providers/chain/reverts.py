"""Why a call was refused, in words: the custom errors of our contracts, and of the OpenZeppelin code in them."""

from functools import cache
from typing import NamedTuple, get_args

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError

from contracts import Name, artifact
from domain.chain import keccak256

_SELECTOR_BYTES = 4
_MOST = 500


class _Declared(NamedTuple):
    name: str
    types: tuple[str, ...]


def in_words(reason: bytes) -> str:
    """The error with its arguments; one that isn't ours, or was cut short, in hexadecimal. A token may say ours too."""
    declared = _declared().get(reason[:_SELECTOR_BYTES])
    if declared is None:
        return f"0x{reason.hex()}" if reason else "no reason given"
    try:
        arguments = decode(declared.types, reason[_SELECTOR_BYTES:])
    except (DecodingError, UnicodeError):
        return f"{declared.name} 0x{reason.hex()}"
    said = (f"0x{each.hex()}" if isinstance(each, bytes) else str(each) for each in arguments)
    return printable(f"{declared.name}({', '.join(said)})")


def printable(words: str) -> str:
    """What a contract or a node said, without what a terminal would obey, and no longer than a person reads."""
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in words[:_MOST])


@cache
def _declared() -> dict[bytes, _Declared]:
    found = {keccak256(b"Error(string)")[:_SELECTOR_BYTES]: _Declared("Error", ("string",))}
    for name in get_args(Name):
        for each in artifact(name).abi:
            if each["type"] == "error":
                types = tuple(argument["type"] for argument in each["inputs"])
                signature = f"{each['name']}({','.join(types)})"
                found[keccak256(signature.encode())[:_SELECTOR_BYTES]] = _Declared(each["name"], types)
    return found
