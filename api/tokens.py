"""Access tokens: short-lived JWTs with algorithm, issuer and audience pinned, signed by keys that can be rotated."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import jwt
from pydantic import ValidationError

from domain.errors import TokenInvalid
from domain.ids import AccountId, FamilyId
from domain.orders import Role
from domain.values import Value

_ISSUER = _AUDIENCE = "holdfast"
_ALGORITHM = "HS256"
# RFC 7518, 3.2: a key as long as the hash.
_KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class SigningKey:
    """`kid` names it in the header of what it signs (RFC 7515, 4.1.4); it is no secret."""

    kid: str
    secret: str = field(repr=False)


class Claims(Value):
    """Whose token it is; times are seconds since 1970 (RFC 7519). `sid` is the login that it was made from."""

    sub: AccountId
    role: Role
    sid: FamilyId | None = None
    iat: int
    exp: int


class Tokens:
    """The newest key, which is the first, signs; all of them are known. A key that is left out ends what it signed."""

    def __init__(self, keys: Sequence[SigningKey], lifetime_seconds: int) -> None:
        """Raises ValueError for keys that are too short, have one name, or are none."""
        if not keys or len({key.kid for key in keys}) < len(keys):
            raise ValueError("Signing keys need a name each, and there has to be one.")
        if any(len(key.secret.encode()) < _KEY_BYTES for key in keys):
            message = f"A signing key has {_KEY_BYTES} bytes or more."
            raise ValueError(message)
        self._newest = keys[0]
        self._secrets = {key.kid: key.secret for key in keys}
        self.lifetime_seconds = lifetime_seconds

    def issue(self, account_id: str, role: Role, family_id: str | None = None) -> str:
        issued = datetime.now(UTC)
        claims = {
            "sub": account_id,
            "role": role,
            "iss": _ISSUER,
            "aud": _AUDIENCE,
            "iat": issued,
            "exp": issued + timedelta(seconds=self.lifetime_seconds),
            **({} if family_id is None else {"sid": family_id}),
        }
        return jwt.encode(claims, self._newest.secret, algorithm=_ALGORITHM, headers={"kid": self._newest.kid})

    def read(self, token: str) -> Claims:
        """Raises TokenInvalid for a token that is not ours, was changed, has expired, or whose key is gone."""
        try:
            decoded = jwt.decode(
                token,
                self._secret_of(token),
                algorithms=[_ALGORITHM],
                issuer=_ISSUER,
                audience=_AUDIENCE,
                options={"require": ["exp", "iat", "sub", "iss", "aud"]},
            )
            return Claims.model_validate(decoded)
        except (jwt.InvalidTokenError, ValidationError) as error:
            raise TokenInvalid from error

    def _secret_of(self, token: str) -> str:
        secret = self._secrets.get(jwt.get_unverified_header(token).get("kid", ""))
        if secret is None:
            raise TokenInvalid
        return secret
