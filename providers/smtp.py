"""The post over SMTP. Every letter has a connection of its own: what one does to it is nothing to the others."""

import asyncio
from dataclasses import dataclass
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as LINES
from enum import StrEnum

import aiosmtplib
import idna

from domain.mails import Away, Deferred, Delivered, Letter, Outcome, Rejected

# From here on an answer is a refusal for good (RFC 5321, 4.2.1).
_PERMANENT = 500
# The server is closing down, whatever was asked of it.
_CLOSING = 421


class Tls(StrEnum):
    """How the connection is protected: not at all, from its first byte, or from STARTTLS on, which must be offered."""

    NONE = "none"
    STARTTLS = "starttls"
    TLS = "tls"


@dataclass(frozen=True, slots=True)
class Server:
    host: str
    port: int
    tls: Tls
    username: str | None = None
    password: str | None = None
    # For one letter, from connecting to the last answer; below the time that a mail is claimed for.
    timeout: float = 20.0


class SmtpPost:
    """The post port. `sender` is the address of the shop, `name` what stands beside it."""

    def __init__(self, server: Server, *, sender: str, name: str) -> None:
        self._server = server
        self._from = _address(sender, name)

    @property
    def domain(self) -> str:
        """The sender's, in ASCII."""
        return self._from.domain

    async def deliver(self, letter: Letter) -> Outcome:
        try:
            message = self._message(letter)
        except (ValueError, MessageError) as error:
            # An address that is none, or a line end where none may be.
            return Rejected(reason=f"unfit: {type(error).__name__}")
        try:
            async with asyncio.timeout(self._server.timeout):
                await self._send(message)
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
            return _outcome(error)
        return Delivered()

    def _message(self, letter: Letter) -> EmailMessage:
        message = EmailMessage(policy=LINES)
        message["From"] = self._from
        message["To"] = _address(letter.to)
        message["Subject"] = " ".join(letter.subject.split())
        message["Date"] = letter.date
        message["Message-ID"] = letter.message_id
        # Nobody's out-of-office answers it: RFC 3834.
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(letter.text)
        message.add_alternative(letter.html, subtype="html")
        return message

    async def _send(self, message: EmailMessage) -> None:
        server = self._server
        await aiosmtplib.send(
            message,
            hostname=server.host,
            port=server.port,
            username=server.username,
            password=server.password,
            use_tls=server.tls is Tls.TLS,
            start_tls=server.tls is Tls.STARTTLS,
            # For each command.
            timeout=server.timeout / 2,
            # Otherwise the machine's own name is looked up, which can take long.
            local_hostname=self.domain,
        )


def _address(spec: str, name: str = "") -> Address:
    """With its domain in ASCII (IDNA 2008), for servers without SMTPUTF8 take no other. Raises ValueError for none."""
    username, _, domain = spec.rpartition("@")
    if not username:
        raise ValueError
    # In one piece the standard library takes it only if its name is ASCII too.
    return Address(name, username, idna.encode(domain, uts46=True).decode())


def _outcome(error: Exception) -> Outcome:
    """By whom a letter was refused: by the server as such, or for itself, now or for good."""
    match error:
        case aiosmtplib.SMTPRecipientsRefused():
            return _outcome(error.recipients[0])
        case aiosmtplib.SMTPRecipientRefused() | aiosmtplib.SMTPDataError() if error.code != _CLOSING:
            reason = f"{error.code}"
            return Rejected(reason=reason) if error.code >= _PERMANENT else Deferred(reason=reason)
        case aiosmtplib.SMTPNotSupported():
            # An address that only servers with SMTPUTF8 take (RFC 6531), among others.
            return Rejected(reason="not supported")
        case aiosmtplib.SMTPResponseException():
            # We may not log in, or not send at all: nothing that a recipient did.
            return Away(reason=f"{error.code}")
        case _:
            return Away(reason=type(error).__name__)
