"""Accounts: their statuses and moves, what staff say when they change one, and what a password may be."""

from datetime import datetime
from enum import StrEnum
from typing import Literal

from domain.errors import PasswordUnfit
from domain.ids import AccountId
from domain.moves import Moves
from domain.orders import Role
from domain.values import Value

# NIST SP 800-63B-4, 3.1.1.2: fifteen characters for a password that is all there is, at least 64 taken, no rules about
# kinds of characters.
PASSWORD_MIN = 15
PASSWORD_MAX = 200
# Fewer different ones are a pattern, however long it is.
_DIFFERENT_CHARACTERS = 5


class AccountStatus(StrEnum):
    """A seller waits for staff. What was erased stays as an id, which the books refer to."""

    PENDING_APPROVAL = "pending_approval"
    ACTIVE = "active"
    BLOCKED = "blocked"
    ERASED = "erased"


_P, _A, _B, _E = AccountStatus
ACCOUNT_MOVES = Moves(
    "account",
    {
        _P: frozenset({_A, _B, _E}),
        _A: frozenset({_B, _E}),
        _B: frozenset({_A, _E}),
        _E: frozenset(),
    },
)


class ChangeReason(StrEnum):
    """Why staff changed an account. A word of this list goes into the event, free text does not."""

    APPROVED = "approved"
    NOT_APPROVED = "not_approved"
    FRAUD = "fraud"
    ABUSE = "abuse"
    REQUESTED = "requested"
    STAFFING = "staffing"
    MISTAKE = "mistake"
    OTHER = "other"


class AccountView(Value):
    """An erased account has neither e-mail nor name."""

    id: AccountId
    object: Literal["account"] = "account"
    created: datetime
    email: str | None
    name: str | None
    role: Role
    status: AccountStatus


class ChangeView(Value):
    """What staff set, by whom and why."""

    actor_id: AccountId
    role: Role | None
    status: AccountStatus | None
    reason: ChangeReason
    note: str | None
    created: datetime


class StaffAccountView(AccountView):
    """`changes` are the newest hundred, newest first."""

    changes: tuple[ChangeView, ...]


class AccountChange(Value):
    """What staff want of an account; `note` is for colleagues and goes into no event."""

    account_id: AccountId
    actor_id: AccountId
    role: Role | None = None
    status: AccountStatus | None = None
    reason: ChangeReason
    note: str = ""


def first_status(role: Role) -> AccountStatus:
    """Who sells waits until staff have looked."""
    return AccountStatus.PENDING_APPROVAL if role is Role.SELLER else AccountStatus.ACTIVE


def normal_email(email: str) -> str:
    """By which an account is found and unique. Local parts differ by case in theory only (RFC 5321, 2.4)."""
    return email.strip().lower()


def check_fit(password: str, email: str, name: str) -> None:
    """Raise PasswordUnfit for a password of the right length that whoever knows its owner would try first."""
    guesses = {normal_email(email), normal_email(email).partition("@")[0], name.strip().lower()}
    if password.strip().lower() in guesses:
        raise PasswordUnfit(why="it is the e-mail or the name")
    if len(set(password.lower())) < _DIFFERENT_CHARACTERS:
        raise PasswordUnfit(why="it repeats a few characters")
