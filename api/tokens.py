"""Access tokens: short-lived JWTs with algorithm, issuer and audience pinned."""

from datetime import UTC, datetime, timedelta

import jwt
from pydantic import ValidationError

from domain.errors import TokenInvalid
from domain.ids import AccountId
from domain.orders import Role
from domain.values import Value

_ISSUER = _AUDIENCE = "holdfast"
_ALGORITHM = "HS256"


class Claims(Value):
    """Whose token it is; times are seconds since 1970 (RFC 7519)."""

    sub: AccountId
    role: Role
    iat: int
    exp: int


class Tokens:
    def __init__(self, secret: str, lifetime_seconds: int) -> None:
        self._secret = secret
        self.lifetime_seconds = lifetime_seconds

    def issue(self, account_id: str, role: Role) -> str:
        issued = datetime.now(UTC)
        claims = {
            "sub": account_id,
            "role": role,
            "iss": _ISSUER,
            "aud": _AUDIENCE,
            "iat": issued,
            "exp": issued + timedelta(seconds=self.lifetime_seconds),
        }
        return jwt.encode(claims, self._secret, algorithm=_ALGORITHM)

    def read(self, token: str) -> Claims:
        """Raises TokenInvalid for a token that is not ours, was changed, or has expired."""
        try:
            decoded = jwt.decode(
                token,
                self._secret,
                algorithms=[_ALGORITHM],
                issuer=_ISSUER,
                audience=_AUDIENCE,
                options={"require": ["exp", "iat", "sub", "iss", "aud"]},
            )
            return Claims.model_validate(decoded)
        except (jwt.InvalidTokenError, ValidationError) as error:
            raise TokenInvalid from error
