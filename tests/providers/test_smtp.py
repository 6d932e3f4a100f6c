"""What a mail server is handed, and what becomes of a letter that it can't take."""

from datetime import UTC, datetime

import pytest

from domain.mails import Delivered, Letter, Outcome, Rejected
from providers.smtp import Server, SmtpPost, Tls
from sandbox.mail.inbox import Inbox
from sandbox.mail.smtp import serving_smtp
from sandbox.ports import LOOPBACK, free_port

SENDER = "shop@holdfast.example"


async def sent(inbox: Inbox, to: str, *, sender: str = SENDER, smtputf8: bool = False) -> Outcome:
    port = free_port()
    post = SmtpPost(Server(LOOPBACK, port, Tls.NONE), sender=sender, name="Quay & Co")
    letter = Letter(
        message_id=f"<1@{post.domain}>", to=to, subject="Ahoy", text="Ahoy", html="<p>Ahoy", date=datetime.now(UTC)
    )
    async with serving_smtp(inbox, port, smtputf8=smtputf8):
        return await post.deliver(letter)


async def test_any_server_takes_a_letter_to_a_domain_in_other_letters() -> None:
    inbox = Inbox()

    outcome = await sent(inbox, "ada@bücher.example", sender="shop@Käse.example")

    (mail,) = inbox.mails
    assert outcome == Delivered()
    assert mail.message_id == "<1@xn--kse-qla.example>"
    assert (mail.sender, mail.recipients) == ("shop@xn--kse-qla.example", ("ada@xn--bcher-kva.example",))


async def test_a_name_in_other_letters_is_taken_by_servers_that_know_them() -> None:
    inbox = Inbox()

    outcome = await sent(inbox, "käthe@bücher.example", smtputf8=True)

    (mail,) = inbox.mails
    assert outcome == Delivered()
    assert mail.recipients == ("käthe@xn--bcher-kva.example",)


async def test_a_name_in_other_letters_is_refused_for_good_where_the_server_does_not_know_them() -> None:
    inbox = Inbox()

    assert await sent(inbox, "käthe@bücher.example") == Rejected(reason="not supported")
    assert not inbox.mails


@pytest.mark.parametrize(
    "address", ["ada@", "@b.example", "ada@bü cher.example", "ada@-ü.example", "ada@b cher.example", "ada@a,b.example"]
)
async def test_an_address_that_is_none_is_refused_for_good(address: str) -> None:
    inbox = Inbox()

    outcome = await sent(inbox, address)

    assert isinstance(outcome, Rejected)
    assert not inbox.mails
