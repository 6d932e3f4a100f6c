"""TCP ports on loopback: the stack's own, which are taken, and free ones that no outgoing connection will be given."""

import os
import random
import socket
from collections import deque
from dataclasses import asdict, dataclass
from typing import Self

from sandbox.errors import NoFreePort

LOOPBACK = "127.0.0.1"
# Below every system's ephemeral range (Linux 32768, macOS 49152): between our look and the server's bind, the kernel
# gives none of these to an outgoing connection.
_CANDIDATES = range(20_000, 32_000)
_TRIES = 200
# Until a server listens on its TCP port, other processes that draw one must not draw the same: who drew it holds the
# UDP port of the same number, which nobody here uses, and the kernel frees it when its process ends.
_DRAWN: deque[int] = deque()
_HELD_AT_ONCE = 200


def is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def free_ports(count: int) -> list[int]:
    """`count` different free ports, which nobody else who draws some is given meanwhile."""
    draw = random.SystemRandom()
    found: set[int] = set()
    for _ in range(_TRIES):
        if len(found) == count:
            return list(found)
        port = draw.choice(_CANDIDATES)
        if port not in found and is_free(port) and reserved(port):
            found.add(port)
    raise NoFreePort(_CANDIDATES)


def reserved(port: int) -> bool:
    """Whether the port is this process's to use: not while another lives that drew it."""
    mark = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        mark.bind((LOOPBACK, port))
    except OSError:
        mark.close()
        return False
    _DRAWN.append(mark.detach())
    if len(_DRAWN) > _HELD_AT_ONCE:
        os.close(_DRAWN.popleft())
    return True


def free_port() -> int:
    return free_ports(1)[0]


@dataclass(frozen=True)
class Ports:
    api: int = 8080
    temporal: int = 7233
    temporal_ui: int = 8233
    postgres: int = 5433
    chain: int = 8545
    stripe: int = 12111
    smtp: int = 1025
    inbox: int = 8025

    @classmethod
    def drawn(cls) -> Self:
        return cls(*free_ports(len(cls.__dataclass_fields__)))

    def taken(self) -> dict[str, int]:
        return {name: port for name, port in asdict(self).items() if not is_free(port)}
