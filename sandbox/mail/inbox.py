"""What came in, and how the server was told to misbehave."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from enum import StrEnum
from fnmatch import fnmatchcase

from pydantic import BaseModel, ConfigDict, Field

# The oldest go when there are more.
KEPT = 10_000


class Mail(BaseModel):
    """A mail as it was handed in; `message_id` is the sender's."""

    model_config = ConfigDict(frozen=True)

    id: int
    received: datetime
    sender: str
    recipients: tuple[str, ...]
    message_id: str
    subject: str
    headers: dict[str, str]
    text: str
    html: str


class Do(StrEnum):
    """`drop` hangs up instead of taking a mail, `drop_after` instead of saying so."""

    REJECT = "reject"
    DEFER = "defer"
    DROP = "drop"
    DROP_AFTER = "drop_after"


class MailFault(BaseModel):
    """What is done to mails to an address (a glob), so many times, or always."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    recipient: str = "*"
    do: Do
    times: int | None = Field(default=None, ge=1)


class MailScript(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    faults: tuple[MailFault, ...] = ()


@dataclass
class Inbox:
    mails: list[Mail] = field(default_factory=list)
    script: MailScript = field(default_factory=MailScript)
    _numbered: int = 0
    _left: dict[int, int | None] = field(default_factory=dict)

    def adopt(self, script: MailScript) -> None:
        self.script = script
        self._left = {number: fault.times for number, fault in enumerate(script.faults)}

    def reset(self) -> None:
        self.mails.clear()
        self.adopt(MailScript())

    def told_to(self, recipient: str) -> Do | None:
        """What is to be done to a mail to this address; the first fault that covers it, as long as it lasts."""
        for number, fault in enumerate(self.script.faults):
            left = self._left[number]
            if left == 0 or not fnmatchcase(recipient, fault.recipient):
                continue
            self._left[number] = None if left is None else left - 1
            return fault.do
        return None

    def take(self, content: bytes, sender: str, recipients: Sequence[str]) -> None:
        message = message_from_bytes(content, policy=policy.default)
        assert isinstance(message, EmailMessage)
        self._numbered += 1
        self.mails.append(
            Mail(
                id=self._numbered,
                received=datetime.now(UTC),
                sender=sender,
                recipients=tuple(recipients),
                message_id=str(message["Message-ID"] or ""),
                subject=str(message["Subject"] or ""),
                headers={name: str(value) for name, value in message.items()},
                text=_part(message, "plain"),
                html=_part(message, "html"),
            )
        )
        del self.mails[:-KEPT]


def _part(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    return str(part.get_content()) if part is not None else ""
