"""Accounts, for staff (C1): list, look, approve, block, change roles."""

from functools import partial
from typing import Annotated, Literal, Self

from fastapi import APIRouter, Query
from pydantic import BaseModel, StringConstraints, model_validator
from sqlalchemy import or_, select

from api.deps import Admin, ByThisCall, Wired
from api.lists import Page, Paging, page_of
from api.schemas import Sent
from db import accounts
from db.tables import Account
from domain.accounts import AccountChange, AccountStatus, AccountView, ChangeReason, StaffAccountView
from domain.ids import AccountId
from domain.orders import Role
from domain.values import TEXT

router = APIRouter(prefix="/v1/accounts", tags=["Accounts"])


class AccountFilter(BaseModel):
    role: Role | None = Query(default=None)
    status: AccountStatus | None = Query(default=None)
    q: str | None = Query(default=None, min_length=1, max_length=100, pattern=TEXT, description="In e-mail or name.")


class ChangeRequest(Sent):
    """`active` approves a seller, or lifts a block. `note` is for colleagues, and goes when the account is erased."""

    role: Role | None = None
    status: Literal["active", "blocked"] | None = None
    reason: ChangeReason
    note: Annotated[str, StringConstraints(strip_whitespace=True, max_length=2000, pattern=TEXT)] = ""

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.role is None and self.status is None:
            raise ValueError("Name a role or a status")
        return self


@router.get("", operation_id="listAccounts")
async def list_accounts(
    caller: Admin,  # noqa: ARG001 - the role is what matters
    wired: Wired,
    paging: Paging,
    wanted: Annotated[AccountFilter, Query()],
) -> Page[AccountView]:
    """Accounts, newest first."""
    query = select(Account.id)
    if wanted.role is not None:
        query = query.where(Account.role == wanted.role)
    if wanted.status is not None:
        query = query.where(Account.status == wanted.status)
    if wanted.q is not None:
        found = (column.icontains(wanted.q, autoescape=True) for column in (Account.email, Account.name))
        query = query.where(or_(*found))
    async with wired.database.transaction() as session:
        return await page_of(session, query, Account.id, paging, partial(accounts.views, session))


@router.get("/{account_id}", operation_id="getAccount")
async def get_account(account_id: AccountId, caller: Admin, wired: Wired) -> StaffAccountView:  # noqa: ARG001 - as above
    """One account, and what staff changed of it."""
    async with wired.database.transaction() as session:
        return await accounts.staff_view(session, account_id)


@router.patch("/{account_id}", operation_id="changeAccount", responses={409: {}})
async def change_account(
    account_id: AccountId, body: ChangeRequest, caller: Admin, wired: Wired, cause: ByThisCall
) -> AccountView:
    """Approve, block, unblock, or give another role; never one's own account.

    A block ends all logins at once; access tokens end within minutes, and move neither money nor stock from now on.
    """
    change = AccountChange(
        account_id=account_id,
        actor_id=caller.account_id,
        role=body.role,
        status=None if body.status is None else AccountStatus(body.status),
        reason=body.reason,
        note=body.note,
    )
    async with wired.database.transaction() as session:
        return await accounts.administer(session, change, cause)
