"""The caller's own account (C1): profile, change, erase."""

from typing import Self

from fastapi import APIRouter, Response
from pydantic import EmailStr, model_validator

from api import login
from api.deps import ByThisCall, ClientAddress, Principal, SignedIn, Wired, Wiring
from api.login import Proof
from api.routes.auth import NewPassword, Password, PersonName
from api.schemas import Sent
from db import accounts, erasure
from db.accounts import OwnChange
from domain.accounts import AccountView, check_fit

router = APIRouter(prefix="/v1/me", tags=["Accounts"])


class ProfileChange(Sent):
    """A new e-mail or password needs the current password, and logs out everywhere else."""

    name: PersonName | None = None
    email: EmailStr | None = None
    password: NewPassword | None = None
    current_password: Password | None = None

    @property
    def guarded(self) -> bool:
        return self.email is not None or self.password is not None

    @model_validator(mode="after")
    def _with_password(self) -> Self:
        if self.guarded and self.current_password is None:
            raise ValueError("A new e-mail or password needs the current password")
        return self


class ErasureRequest(Sent):
    password: Password


@router.get("", operation_id="getMe")
async def get_me(caller: SignedIn, wired: Wired) -> AccountView:
    """The caller's account."""
    async with wired.database.transaction() as session:
        return AccountView.model_validate(await accounts.active(session, caller.account_id))


@router.patch("", operation_id="changeMe", responses={409: {}, 429: {}})
async def change_me(
    body: ProfileChange, caller: SignedIn, wired: Wired, address: ClientAddress, cause: ByThisCall
) -> AccountView:
    """Change name, e-mail or password; what is left out stays."""
    proof = await _proof(body, caller, wired, address)
    change = OwnChange(
        name=body.name,
        email=body.email,
        password_hash=None if body.password is None else await _fit_hash(body, body.password, caller, wired),
        seen_hash=None if proof is None else proof.seen_hash,
        family_id=caller.family_id,
        session=caller.session,
    )
    async with wired.database.transaction() as session:
        return await accounts.change_own(session, caller.account_id, change, cause)


@router.delete("", operation_id="eraseMe", status_code=204, responses={409: {}, 429: {}})
async def erase_me(
    body: ErasureRequest, caller: SignedIn, wired: Wired, address: ClientAddress, cause: ByThisCall
) -> Response:
    """Erase the account and all that says whose it was; the books stay, without a name.

    Refused while orders are open or money is on its way. A repeat by an access token that still lives changes nothing.
    """
    answer = Response(status_code=204)
    wired.cookies.take(answer)
    async with wired.database.transaction() as session:
        if await erasure.is_done(session, caller.account_id):
            return answer
    proof = await login.prove_again(wired, caller, body.password, address)
    async with wired.database.transaction() as session:
        await erasure.erase(session, caller.account_id, cause, actor_id=caller.account_id, seen_hash=proof.seen_hash)
    return answer


async def _proof(body: ProfileChange, caller: Principal, wired: Wiring, address: str) -> Proof | None:
    if not body.guarded or body.current_password is None:
        return None
    proof = await login.prove_again(wired, caller, body.current_password, address)
    if body.email is not None:
        await login.count_registration(wired, address)
    return proof


async def _fit_hash(body: ProfileChange, password: str, caller: Principal, wired: Wiring) -> str:
    async with wired.database.transaction() as session:
        own = await accounts.active(session, caller.account_id)
    check_fit(password, body.email or own.email or "", body.name or own.name or "")
    return await wired.passwords.hash(password)
