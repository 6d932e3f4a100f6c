"""Who is at the other end of a connection: the caller's address, through the proxies that are trusted to tell it."""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from starlette.types import Scope

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address

# What one household or server is given of IPv6 (RFC 6177): its addresses count as one caller.
_SITE = 64


@dataclass(frozen=True, slots=True)
class Proxies:
    """The networks of our own proxies; what anybody else says about where a request comes from is not believed."""

    trusted: Sequence[Network] = ()

    def forwarded(self, scope: Scope) -> bool:
        """Whether the request came through a proxy of ours."""
        peer = _peer(scope)
        return peer is not None and self._ours(peer)

    def caller(self, scope: Scope) -> str:
        """The address that the request comes from, as one caller is counted by.

        Every proxy appends to `X-Forwarded-For` whom it was called by: from the right, the first that is none of ours
        is the caller. What stands left of it was written by the caller.
        """
        peer = _peer(scope)
        if peer is None:
            return "unknown"
        for said in reversed(_forwarded_for(scope)):
            if not self._ours(peer):
                break
            before = _address(said)
            if before is None:
                break
            peer = before
        if isinstance(peer, IPv6Address):
            return str(ip_network((peer, _SITE), strict=False))
        return str(peer)

    def _ours(self, address: Address) -> bool:
        return any(address in network for network in self.trusted)


def _peer(scope: Scope) -> Address | None:
    client = scope.get("client")
    return _address(client[0]) if client else None


def _forwarded_for(scope: Scope) -> list[str]:
    values = [value.decode("latin-1") for name, value in scope["headers"] if name == b"x-forwarded-for"]
    return [each.strip() for each in ",".join(values).split(",")] if values else []


def _address(said: str) -> Address | None:
    try:
        found = ip_address(said)
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return mapped or found
