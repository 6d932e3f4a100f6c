"""A kept-alive HTTP connection that only posts: a general client took 1 ms of CPU an event, more than the payment."""

import asyncio
import ssl
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

LARGEST_HEAD = 65_536


class NotDelivered(OSError):
    """The endpoint broke off or spoke no HTTP."""


@dataclass(slots=True)
class Wire:
    url: str
    _reader: asyncio.StreamReader | None = field(default=None, init=False)
    _writer: asyncio.StreamWriter | None = field(default=None, init=False)

    async def post(self, body: bytes, headers: dict[str, str]) -> int:
        """The status of the answer; OSError when there was none. Once more on a connection that had gone stale."""
        if self._writer is not None:
            with suppress(OSError):
                return await self._exchange(body, headers)
        return await self._exchange(body, headers)

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
        self._reader = self._writer = None

    async def _exchange(self, body: bytes, headers: dict[str, str]) -> int:
        try:
            reader, writer = await self._connected()
            place = urlsplit(self.url)
            target = (place.path or "/") + (f"?{place.query}" if place.query else "")
            lines = [f"POST {target} HTTP/1.1", f"Host: {place.netloc}", f"Content-Length: {len(body)}"]
            lines += [f"{name}: {value}" for name, value in headers.items()]
            writer.write("\r\n".join([*lines, "", ""]).encode() + body)
            await writer.drain()
            return await self._answer(reader)
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError, IndexError) as error:
            self.close()
            raise NotDelivered(repr(error)) from error
        except BaseException:
            self.close()
            raise

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._reader is None or self._writer is None:
            place = urlsplit(self.url)
            secure = ssl.create_default_context() if place.scheme == "https" else None
            port = place.port or (443 if secure else 80)
            self._reader, self._writer = await asyncio.open_connection(
                place.hostname, port, ssl=secure, limit=LARGEST_HEAD
            )
        return self._reader, self._writer

    async def _answer(self, reader: asyncio.StreamReader) -> int:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        status = int(head.split(" ", 2)[1])
        fields = dict(line.split(":", 1) for line in head.split("\r\n")[1:] if ":" in line)
        length = fields.get("content-length", "").strip()
        if length:
            await reader.readexactly(int(length))
        # Without a length we would have to read on to know where the answer ends: a new connection is simpler.
        if not length or "close" in fields.get("connection", ""):
            self.close()
        return status
