"""The inbox: takes what is handed in by SMTP, shows it to people and programs, misbehaves when it is told to."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from email.message import EmailMessage

import aiosmtplib
import httpx2
import pytest
import pytest_asyncio

from sandbox.mail import create_app
from sandbox.ports import LOOPBACK, free_port
from tests.support.opening import free_listener, serving


@dataclass
class Running:
    http: httpx2.AsyncClient
    port: int

    async def send(self, to: str = "ada@example.com", subject: str = "Ahoy", text: str = "Grüße\n") -> None:
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = "shop@holdfast.example", to, subject
        message["Message-ID"] = "<one@holdfast.example>"
        message.set_content(text)
        message.add_alternative(f"<p>{text}</p>", subtype="html")
        await aiosmtplib.send(message, hostname=LOOPBACK, port=self.port, start_tls=False, local_hostname="localhost")

    async def mails(self, **query: str) -> list[dict[str, object]]:
        found: list[dict[str, object]] = (await self.http.get("/mails", params=query)).json()["data"]
        return found

    async def misbehave(self, **fault: object) -> None:
        (await self.http.put("/_sandbox/script", json={"faults": [fault]})).raise_for_status()


@pytest_asyncio.fixture
async def inbox() -> AsyncIterator[Running]:
    listening, port = free_listener(), free_port()
    url = f"http://{LOOPBACK}:{listening.getsockname()[1]}"
    async with serving(create_app(port), listening), httpx2.AsyncClient(base_url=url) as http:
        yield Running(http, port)


async def test_what_is_handed_in_is_there_for_programs(inbox: Running) -> None:
    await inbox.send()
    await inbox.send(to="ben@example.com")

    (mail,) = await inbox.mails(to="ada@example.com")
    assert mail["message_id"] == "<one@holdfast.example>"
    assert (mail["sender"], mail["recipients"], mail["subject"]) == (
        "shop@holdfast.example",
        ["ada@example.com"],
        "Ahoy",
    )
    assert str(mail["text"]).strip() == "Grüße"
    assert "".join(str(mail["html"]).split()) == "<p>Grüße</p>"
    assert len(await inbox.mails()) == 2
    assert (await inbox.http.get("/_sandbox/state")).json() == {"mails": 2}


async def test_a_person_sees_the_text_and_nothing_of_it_is_run(inbox: Running) -> None:
    await inbox.send(subject="<script>alert(1)</script>", text="<img src=x onerror=alert(1)>\n")

    listed, shown = [await inbox.http.get(path) for path in ("/", "/mails/1")]

    for page in (listed, shown):
        assert page.headers["content-type"].startswith("text/html")
        assert page.headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page.text
        assert "<script" not in page.text
        assert "<img" not in page.text
    assert "onerror=alert(1)" in shown.text
    assert (await inbox.http.get("/mails/2")).status_code == 404


@pytest.mark.parametrize(
    ("do", "error", "taken"),
    [
        ("reject", aiosmtplib.SMTPRecipientsRefused, 0),
        ("defer", aiosmtplib.SMTPRecipientsRefused, 0),
        ("drop", aiosmtplib.SMTPServerDisconnected, 0),
        ("drop_after", aiosmtplib.SMTPServerDisconnected, 1),
    ],
)
async def test_it_misbehaves_as_it_is_told_and_as_often(
    inbox: Running, do: str, error: type[Exception], taken: int
) -> None:
    await inbox.misbehave(recipient="ada@*", do=do, times=1)
    await inbox.send(to="ben@example.com")

    with pytest.raises(error):
        await inbox.send()
    assert len(await inbox.mails(to="ada@example.com")) == taken
    await inbox.send()

    assert len(await inbox.mails(to="ada@example.com")) == taken + 1
    assert len(await inbox.mails(to="ben@example.com")) == 1


async def test_a_script_that_nobody_understands_is_refused(inbox: Running) -> None:
    answer = await inbox.http.put("/_sandbox/script", json={"faults": [{"do": "explode"}]})

    assert answer.status_code == 400
    assert (await inbox.http.get("/_sandbox/script")).json() == {"faults": []}


async def test_a_reset_forgets_mails_and_script(inbox: Running) -> None:
    await inbox.send()
    await inbox.misbehave(do="reject")

    assert (await inbox.http.post("/_sandbox/reset")).status_code == 204

    assert await inbox.mails() == []
    await inbox.send()
    assert len(await inbox.mails()) == 1


async def test_a_page_of_another_name_is_not_served(inbox: Running) -> None:
    answer = await inbox.http.get("/mails", headers={"Host": "rebound.example"})

    assert answer.status_code == 400
