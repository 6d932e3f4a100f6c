"""Passwords as argon2 hashes. A call takes 64 MiB and a core for a while: servers call it in threads, a few at once."""

import secrets
import unicodedata
from functools import cache
from typing import NamedTuple

from pwdlib import PasswordHash
from pwdlib.exceptions import UnknownHashError

_HASHER = PasswordHash.recommended()


class Checked(NamedTuple):
    """Whether the password was right; `renewed` is its hash with today's parameters, if the stored one has others."""

    right: bool
    renewed: str | None = None


def hash_password(password: str) -> str:
    return _HASHER.hash(_normal(password))


def check_password(password: str, stored: str | None) -> Checked:
    """Compare with a stored hash; without one that can be compared with it takes as long, and is wrong."""
    if stored is not None:
        try:
            return Checked(*_HASHER.verify_and_update(_normal(password), stored))
        except UnknownHashError:
            # An account that nobody can log in to.
            pass
    _HASHER.verify(_normal(password), decoy())
    return Checked(right=False)


@cache
def decoy() -> str:
    """The hash of a password that nobody has; made once, before the first comparison is timed."""
    return _HASHER.hash(secrets.token_urlsafe())


def _normal(password: str) -> str:
    """The same characters however a keyboard composes them (NIST SP 800-63B-4, 3.1.1.2)."""
    return unicodedata.normalize("NFKC", password)
