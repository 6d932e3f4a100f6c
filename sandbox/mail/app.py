"""The inbox: a page for people, JSON for programs."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from html import escape

from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from sandbox.mail.inbox import Inbox, Mail, MailScript
from sandbox.mail.smtp import serving_smtp
from sandbox.ports import LOOPBACK

# Mails hold what strangers wrote: nothing of it is more than text here.
_POLICY = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"}
_STYLE = "body{font-family:sans-serif;max-width:60em;margin:2em auto}td,th{text-align:left;padding:.2em 1em .2em 0}"


def create_app(smtp_port: int) -> Starlette:
    """An inbox of its own, which takes mails on this port of loopback while the app runs."""
    inbox = Inbox()

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        app.state.inbox = inbox
        async with serving_smtp(inbox, smtp_port):
            yield

    return Starlette(
        routes=[
            Route("/", _list),
            Route("/mails", _mails, methods=["GET"]),
            Route("/mails/{id:int}", _mail, methods=["GET"]),
            Route("/_sandbox/state", _state, methods=["GET"]),
            Route("/_sandbox/script", _script, methods=["GET", "PUT"]),
            Route("/_sandbox/reset", _reset, methods=["POST"]),
        ],
        # A page of another site must not read it under a name of its own that leads here.
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=[LOOPBACK, "localhost"])],
        lifespan=lifespan,
    )


def _inbox(request: Request) -> Inbox:
    held: Inbox = request.app.state.inbox
    return held


async def _list(request: Request) -> Response:
    rows = "".join(_row(mail) for mail in reversed(_inbox(request).mails))
    head = "<tr><th>Received</th><th>To</th><th>Subject</th></tr>"
    return _page("Inbox", f"<table>{head}{rows}</table>" if rows else "<p>No mail yet.</p>")


def _row(mail: Mail) -> str:
    subject = escape(mail.subject) or "(no subject)"
    to = escape(", ".join(mail.recipients))
    link = f'<a href="mails/{mail.id}">{subject}</a>'
    return f"<tr><td>{mail.received:%H:%M:%S}</td><td>{to}</td><td>{link}</td></tr>"


async def _mails(request: Request) -> Response:
    """The newest last; `?to=` asks for one recipient's."""
    to = request.query_params.get("to")
    found = [mail for mail in _inbox(request).mails if to is None or to in mail.recipients]
    return JSONResponse({"data": [mail.model_dump(mode="json") for mail in found]})


async def _mail(request: Request) -> Response:
    """For people; a program has all of it from the list."""
    wanted = request.path_params["id"]
    for mail in _inbox(request).mails:
        if mail.id == wanted:
            headers = "".join(f"{escape(name)}: {escape(value)}\n" for name, value in mail.headers.items())
            return _page(escape(mail.subject), f"<pre>{headers}</pre><pre>{escape(mail.text)}</pre>")
    return _page("No such mail", "<p>It is not here any more.</p>", 404)


def _page(title: str, body: str, status: int = 200) -> HTMLResponse:
    document = (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f"<style>{_STYLE}</style></head><body><h1>{title}</h1>{body}</body></html>"
    )
    return HTMLResponse(document, status, _POLICY)


async def _state(request: Request) -> Response:
    return JSONResponse({"mails": len(_inbox(request).mails)})


async def _script(request: Request) -> Response:
    inbox = _inbox(request)
    if request.method == "PUT":
        try:
            inbox.adopt(MailScript.model_validate_json(await request.body()))
        except ValidationError as wrong:
            return JSONResponse({"error": str(wrong)}, 400)
    return JSONResponse(inbox.script.model_dump(mode="json"))


async def _reset(request: Request) -> Response:
    _inbox(request).reset()
    return Response(status_code=204)
