"""The SMTP side: takes what is handed in, or does to it what the script says."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiosmtpd.smtp import SMTP, Envelope, Session

from sandbox.mail.inbox import Do, Inbox
from sandbox.ports import LOOPBACK

_TAKEN = "250 OK"


class Handler:
    """aiosmtpd's hooks, by their names."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        do = self._inbox.told_to(address)
        match do:
            case Do.REJECT:
                return "550 5.1.1 no such mailbox"
            case Do.DEFER:
                return "451 4.2.1 try again later"
            case Do.DROP | Do.DROP_AFTER:
                # Kept on the envelope until its content is there.
                envelope.do = do  # type: ignore[attr-defined]
            case None:
                pass
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return _TAKEN

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - as above
        do = getattr(envelope, "do", None)
        if do is not Do.DROP:
            content = envelope.content or b""
            assert isinstance(content, bytes)
            self._inbox.take(content, envelope.mail_from or "", envelope.rcpt_tos)
        if do is not None and server.transport is not None:
            server.transport.close()
        return _TAKEN


@asynccontextmanager
async def serving_smtp(inbox: Inbox, port: int, *, smtputf8: bool = True) -> AsyncIterator[None]:
    """`smtputf8` tells whether it takes addresses that are not ASCII (RFC 6531)."""
    handler = Handler(inbox)
    server = await asyncio.get_running_loop().create_server(
        lambda: SMTP(handler, hostname="holdfast.invalid", enable_SMTPUTF8=smtputf8), LOOPBACK, port
    )
    try:
        yield
    finally:
        server.close()
