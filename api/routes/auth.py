"""Accounts by token (C1): register, log in, refresh, log out, and whose token it is."""

from typing import Annotated, Literal

from fastapi import APIRouter, Response
from pydantic import AfterValidator, EmailStr, StringConstraints, validate_email
from pydantic_core import PydanticCustomError

from api import login
from api.deps import ByThisCall, ClientAddress, SignedIn, Wired, Wiring
from api.schemas import Sent
from db import accounts, refresh_tokens
from db.accounts import NewAccount
from db.refresh_tokens import Issued
from domain.accounts import PASSWORD_MAX, PASSWORD_MIN, AccountView, check_fit, first_status
from domain.errors import RefreshTokenInvalid
from domain.orders import Role
from domain.values import TEXT, WORD, Value

router = APIRouter(prefix="/v1/auth", tags=["Accounts"])

Password = Annotated[str, StringConstraints(min_length=1, max_length=PASSWORD_MAX)]
NewPassword = Annotated[str, StringConstraints(min_length=PASSWORD_MIN, max_length=PASSWORD_MAX)]


def _leading_nowhere(name: str) -> str:
    """It stands in mails: nobody is to be sent anywhere by a name."""
    if "://" in name or "www." in name.lower():
        raise ValueError("An address is no name")
    return name


PersonName = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=100, pattern=WORD),
    AfterValidator(_leading_nowhere),
]


class Registration(Sent):
    """A seller's account has to be approved before it can be logged in to. Staff are made by staff."""

    email: EmailStr
    password: NewPassword
    name: PersonName
    role: Literal["buyer", "seller"] = "buyer"


def _as_registered(email: str) -> str:
    """A registration writes some addresses in another way (xn--… in its letters): typed again, they are the same."""
    try:
        return validate_email(email)[1]
    except PydanticCustomError:
        return email


class Credentials(Sent):
    email: Annotated[
        str,
        StringConstraints(strip_whitespace=True, min_length=3, max_length=254, pattern=TEXT),
        AfterValidator(_as_registered),
    ]
    password: Password


class RefreshRequest(Sent):
    refresh_token: Annotated[str, StringConstraints(min_length=1, max_length=200)]


class AccessToken(Value):
    """`expires_in` is in seconds. The refresh token is good for one exchange."""

    object: Literal["access_token"] = "access_token"
    access_token: str
    refresh_token: str
    token_type: Literal["bearer"] = "bearer"  # noqa: S105 - the name of a scheme
    expires_in: int


class Verified(Value):
    object: Literal["token"] = "token"
    account_id: str
    role: Role


@router.post("/register", operation_id="register", status_code=201, responses={409: {}, 429: {}})
async def register(body: Registration, wired: Wired, address: ClientAddress, cause: ByThisCall) -> AccountView:
    """Make an account. That an e-mail is taken is said, a limited number of times."""
    check_fit(body.password, body.email, body.name)
    await login.count_registration(wired, address)
    password_hash = await wired.passwords.hash(body.password)
    role = Role(body.role)
    new = NewAccount(body.email, body.name, role, first_status(role), password_hash)
    async with wired.database.transaction() as session:
        return await accounts.register(session, new, cause)


@router.post("/login", operation_id="logIn", responses={401: {}, 403: {}, 429: {}})
async def log_in(
    body: Credentials, wired: Wired, address: ClientAddress, cause: ByThisCall, response: Response
) -> AccessToken:
    """Exchange e-mail and password for an access token and the first refresh token of a new login."""
    proof = await login.prove(wired, body.email, body.password, address)
    async with wired.database.transaction() as session:
        account = await login.accepted(session, proof)
        issued = await refresh_tokens.open_family(session, account, wired.sign_in, cause.at)
    return _tokens(wired, issued, response)


@router.post("/refresh", operation_id="refreshToken", responses={401: {}})
async def refresh(body: RefreshRequest, wired: Wired, cause: ByThisCall, response: Response) -> AccessToken:
    """Exchange a refresh token for its successor and a new access token.

    A call whose answer was lost can be repeated for a minute, as long as the successor is unused. Any other use of a
    token that was used before ends the whole login.
    """
    async with wired.database.transaction() as session:
        issued = await refresh_tokens.exchange(
            session, body.refresh_token, wired.sign_in, cause.at, cause.correlation_id
        )
    if issued is None:
        raise RefreshTokenInvalid
    return _tokens(wired, issued, response)


@router.post("/logout", operation_id="logOut", status_code=204)
async def log_out(body: RefreshRequest, wired: Wired) -> Response:
    """End a login by any of its refresh tokens; its access token lives on for minutes. An unknown one has ended."""
    async with wired.database.transaction() as session:
        await refresh_tokens.end_of(session, body.refresh_token)
    return Response(status_code=204)


@router.get("/verify", operation_id="verifyToken")
async def verify_token(caller: SignedIn) -> Verified:
    """Whose token this is."""
    return Verified(account_id=caller.account_id, role=caller.role)


def _tokens(wired: Wiring, issued: Issued, response: Response) -> AccessToken:
    # RFC 6749, 5.1.
    response.headers["Cache-Control"] = "no-store"
    return AccessToken(
        access_token=wired.tokens.issue(issued.account_id, issued.role, issued.family_id),
        refresh_token=issued.token,
        expires_in=wired.tokens.lifetime_seconds,
    )
