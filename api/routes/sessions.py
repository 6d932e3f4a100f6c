"""Accounts by cookie (C1), for our own pages: log in, who is logged in, log out."""

from typing import Literal

from fastapi import APIRouter, Request, Response

from api import login
from api.cookies import csrf_token
from api.deps import ClientAddress, Wired, now
from api.routes.auth import Credentials
from db import accounts, browser_sessions
from domain.accounts import AccountView
from domain.errors import SessionEnded
from domain.values import Value

router = APIRouter(prefix="/v1/auth/session", tags=["Accounts"])


class SessionView(Value):
    """`csrf_token` goes with every call by cookie that changes something, in the header `X-CSRF-Token`."""

    object: Literal["session"] = "session"
    account: AccountView
    csrf_token: str


@router.post("", operation_id="openSession", status_code=201, responses={401: {}, 403: {}, 429: {}})
async def open_session(
    body: Credentials, request: Request, wired: Wired, address: ClientAddress, response: Response
) -> SessionView:
    """Log in by cookie. The cookie is a new one, whatever the browser had before, and that session ends."""
    wired.cookies.check_origin(request, required=False)
    proof = await login.prove(wired, body.email, body.password, address)
    before = wired.cookies.read(request)
    async with wired.database.transaction() as session:
        account = await login.accepted(session, proof)
        if before is not None:
            await browser_sessions.end(session, before)
        secret = await browser_sessions.open_session(session, account.id, wired.sign_in, now())
        owner = AccountView.model_validate(account)
    wired.cookies.give(response, secret, wired.sign_in.session_lifetime)
    return _shown(owner, secret, response)


@router.get("", operation_id="getSession", responses={401: {}})
async def get_session(request: Request, wired: Wired, response: Response) -> SessionView:
    """Who is logged in by this cookie, and its CSRF token: what a page asks for when it is loaded."""
    secret = wired.cookies.read(request)
    if secret is None:
        raise SessionEnded
    async with wired.database.transaction() as session:
        found = await browser_sessions.find(session, secret, wired.sign_in, now())
        if found is None:
            raise SessionEnded
        owner = await accounts.view(session, found.account_id)
    return _shown(owner, secret, response)


@router.delete("", operation_id="endSession", status_code=204, responses={403: {}})
async def end_session(request: Request, wired: Wired) -> Response:
    """Log out. Without a session there is nothing to do."""
    answer = Response(status_code=204)
    secret = wired.cookies.read(request)
    if secret is not None:
        wired.cookies.check(request, secret)
        async with wired.database.transaction() as session:
            await browser_sessions.end(session, secret)
        wired.cookies.take(answer)
    return answer


def _shown(owner: AccountView, secret: str, response: Response) -> SessionView:
    response.headers["Cache-Control"] = "no-store"
    return SessionView(account=owner, csrf_token=csrf_token(secret))
