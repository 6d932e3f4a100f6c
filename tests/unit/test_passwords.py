"""Passwords: one composition of characters, no comparison that nobody could pass, and a few at once only."""

import asyncio
import threading

import pytest
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from api.passwords import Passwords
from db.passwords import Checked, check_password, decoy, hash_password
from domain.errors import RateLimited

PASSWORD = "a long enough pass\u00e9"


def test_a_password_is_right_however_its_characters_are_composed() -> None:
    stored = hash_password(PASSWORD)

    assert check_password("a long enough passe\u0301", stored) == Checked(right=True)
    assert check_password("a long enough passe", stored) == Checked(right=False)


def test_an_older_hash_is_made_anew() -> None:
    older = PasswordHash([Argon2Hasher(time_cost=1, memory_cost=8, parallelism=1)]).hash(PASSWORD)

    right, renewed = check_password(PASSWORD, older)

    assert right
    assert renewed is not None
    assert check_password(PASSWORD, renewed) == Checked(right=True)
    assert check_password("wrong", older) == Checked(right=False)


@pytest.mark.parametrize("stored", [None, "", "unused", "-"])
def test_nothing_is_right_where_there_is_no_password(stored: str | None) -> None:
    assert check_password("", stored) == Checked(right=False)
    assert check_password(decoy(), stored) == Checked(right=False)


async def test_who_would_wait_too_long_for_a_turn_is_told_to_come_again() -> None:
    desk, go_on = Passwords(at_once=1, patience_seconds=0.05), threading.Event()
    first = asyncio.create_task(desk._in_turn(go_on.wait))
    await asyncio.sleep(0)

    with pytest.raises(RateLimited):
        await desk._in_turn(lambda: "second")

    go_on.set()
    assert await first
    assert await desk._in_turn(lambda: "third") == "third"
