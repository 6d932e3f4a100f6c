"""Checks that say when a child is ready."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import urlsplit

_PATIENCE = 5.0


def answers(url: str) -> Callable[[], Awaitable[bool]]:
    """A GET of `url`, plain HTTP, succeeds."""

    async def check() -> bool:
        try:
            async with asyncio.timeout(_PATIENCE):
                return (await _status_of(url)).startswith("2")
        except OSError:
            return False

    return check


async def _status_of(url: str) -> str:
    # Asked many times a second while a child starts: an HTTP client would cost more than the answer.
    address = urlsplit(url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    try:
        writer.write(f"GET {address.path} HTTP/1.1\r\nHost: {address.netloc}\r\nConnection: close\r\n\r\n".encode())
        _, _, status = (await reader.readline()).decode("ascii", "replace").partition(" ")
        return status
    finally:
        writer.close()


def present(file: Path) -> Callable[[], Awaitable[bool]]:
    async def check() -> bool:
        return await asyncio.to_thread(file.exists)

    return check
