"""Access tokens: the newest key signs, all keys are known, and nothing but our own algorithm is."""

from datetime import UTC, datetime
from typing import Any

import jwt
import pytest

from api.tokens import SigningKey, Tokens
from db.ids import new_id
from domain.errors import TokenInvalid
from domain.orders import Role
from settings import Settings

OLD, NEW = SigningKey("old", "o" * 32), SigningKey("new", "n" * 32)
ACCOUNT, FAMILY = new_id("acc"), new_id("fam")


def test_the_newest_key_signs_and_its_id_stands_in_the_header() -> None:
    token = Tokens([NEW, OLD], 60).issue(ACCOUNT, Role.SELLER, FAMILY)

    assert jwt.get_unverified_header(token) == {"alg": "HS256", "typ": "JWT", "kid": "new"}
    claims = Tokens([NEW], 60).read(token)
    assert (claims.sub, claims.role, claims.sid, claims.exp - claims.iat) == (ACCOUNT, Role.SELLER, FAMILY, 60)


def test_what_an_older_key_signed_is_good_until_the_key_is_gone() -> None:
    token = Tokens([OLD], 60).issue(ACCOUNT, Role.BUYER)

    assert Tokens([NEW, OLD], 60).read(token).sub == ACCOUNT
    with pytest.raises(TokenInvalid):
        Tokens([NEW], 60).read(token)


def signed(secret: str, algorithm: str = "HS256", headers: dict[str, Any] | None = None) -> str:
    now = int(datetime.now(UTC).timestamp())
    claims = {"sub": ACCOUNT, "role": "admin", "iss": "holdfast", "aud": "holdfast", "iat": now, "exp": now + 60}
    return jwt.encode(claims, secret, algorithm=algorithm, headers=headers)


@pytest.mark.parametrize(
    "token",
    [
        signed(NEW.secret),
        signed(NEW.secret, headers={"kid": "newer"}),
        signed(OLD.secret, headers={"kid": "new"}),
        signed(NEW.secret * 2, "HS512", {"kid": "new"}),
        signed("", "none", {"kid": "new"}),
        "",
        "hfr_no.token.at-all",
        "é.é.é",
    ],
    ids=["no key id", "unknown key id", "another key's id", "another algorithm", "no algorithm", "empty", "none", "é"],
)
def test_a_token_that_is_not_signed_by_a_key_of_its_name_is_refused(token: str) -> None:
    with pytest.raises(TokenInvalid):
        Tokens([NEW, OLD], 60).read(token)


@pytest.mark.parametrize(
    "keys", [[], [SigningKey("short", "s" * 31)], [NEW, SigningKey("new", "x" * 32)]], ids=["none", "short", "twice"]
)
def test_keys_that_protect_nothing_or_are_confused_are_refused(keys: list[SigningKey]) -> None:
    with pytest.raises(ValueError, match="igning key"):
        Tokens(keys, 60)


def test_a_key_is_never_printed() -> None:
    assert "n" * 32 not in repr(NEW)


def test_a_key_without_a_name_is_older_than_those_that_have_one() -> None:
    settings = Settings.model_validate(
        {
            "DATABASE_URL": "postgresql://nowhere",
            "jwt_secret": "s" * 32,
            "jwt_keys": [{"kid": "2026-11", "secret": "k" * 32}],
        }
    )

    assert settings.signing_keys == [("2026-11", "k" * 32), ("default", "s" * 32)]


@pytest.mark.parametrize("seconds", [0, -1, 901])
def test_access_tokens_live_for_a_quarter_of_an_hour_at_most(seconds: int) -> None:
    with pytest.raises(ValueError, match="access_token_seconds"):
        Settings.model_validate({"DATABASE_URL": "postgresql://nowhere", "access_token_seconds": seconds})
