"""Accounts: where their status may go, who waits for staff, and which passwords are refused."""

import pytest

from domain.accounts import ACCOUNT_MOVES, AccountStatus, check_fit, first_status, normal_email
from domain.errors import PasswordUnfit
from domain.orders import Role

PENDING, ACTIVE, BLOCKED, ERASED = AccountStatus


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (PENDING, {ACTIVE, BLOCKED, ERASED}),
        (ACTIVE, {BLOCKED, ERASED}),
        (BLOCKED, {ACTIVE, ERASED}),
        (ERASED, set[AccountStatus]()),
    ],
)
def test_an_account_moves_only_so(before: AccountStatus, after: set[AccountStatus]) -> None:
    assert {each for each in AccountStatus if ACCOUNT_MOVES.allows(before, each)} == after


def test_only_who_sells_waits_for_staff() -> None:
    assert {role: first_status(role) for role in Role} == {
        Role.BUYER: ACTIVE,
        Role.SELLER: PENDING,
        Role.ADMIN: ACTIVE,
    }


def test_an_e_mail_is_one_whatever_its_case() -> None:
    assert normal_email("  Ada.Lovelace@Example.COM ") == "ada.lovelace@example.com"


@pytest.mark.parametrize(
    "password",
    [
        "ada.lovelace@example.com",
        " Ada.Lovelace@EXAMPLE.com ",
        "ADA.LOVELACE",
        "augusta ada king-noel",
        "aaaaaaaaaaaaaaa",
        "abababababababab",
        "AaAaBbBbCcCcDdDd",
    ],
)
def test_a_password_that_others_try_first_is_refused(password: str) -> None:
    with pytest.raises(PasswordUnfit):
        check_fit(password, "Ada.Lovelace@example.com", "Augusta Ada King-Noel")


@pytest.mark.parametrize("password", ["correct horse battery staple", "111122223333444455", "пароль из слов моря"])
def test_no_kinds_of_characters_are_asked_for(password: str) -> None:
    check_fit(password, "ada@example.com", "Ada")
