"""The session cookie of our own pages, and what keeps other pages from using it.

A browser sends the cookie by itself, so every call by it that changes something needs two things more which another
site can't have sent: an Origin of ours, and a token that only our pages can read (cross-site request forgery).
"""

import hashlib
import hmac
from dataclasses import dataclass
from urllib.parse import urlsplit

from fastapi import Request, Response

from domain.errors import CsrfTokenWrong, OriginNotAllowed

CSRF_HEADER = "X-CSRF-Token"
# RFC 9110, 9.2.1.
_SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})

# Browsers keep it to this host and to HTTPS: https://datatracker.ietf.org/doc/html/draft-ietf-httpbis-rfc6265bis
SECURE_NAME = "__Host-holdfast"


@dataclass(frozen=True, slots=True)
class CookieRules:
    """`secure` is only off for plain HTTP on one's own machine; `origin` is for a proxy that hides our address."""

    secure: bool = True
    origin: str | None = None

    @property
    def name(self) -> str:
        """With the prefix a browser takes the cookie from this very host alone, over TLS alone (RFC 6265bis, 4.1.3)."""
        return SECURE_NAME if self.secure else "holdfast"

    def read(self, request: Request) -> str | None:
        return request.cookies.get(self.name)

    def give(self, response: Response, secret: str, lifetime: int) -> None:
        """`lifetime` in seconds. Lax, so that a buyer who comes back from a bank's page is still logged in."""
        response.set_cookie(
            self.name, secret, max_age=lifetime, path="/", secure=self.secure, httponly=True, samesite="lax"
        )

    def take(self, response: Response) -> None:
        response.delete_cookie(self.name, path="/", secure=self.secure, httponly=True, samesite="lax")

    def check_origin(self, request: Request, *, required: bool = True) -> None:
        """Raises OriginNotAllowed. Browsers name the origin of whatever is not a plain read."""
        given = request.headers.get("Origin")
        if given is None:
            if required:
                raise OriginNotAllowed
        elif not self._ours(given, request.headers.get("Host", "")):
            raise OriginNotAllowed

    def check(self, request: Request, secret: str) -> None:
        """Raises OriginNotAllowed or CsrfTokenWrong for a call by cookie that none of our pages made."""
        if request.method in _SAFE:
            return
        self.check_origin(request)
        given = request.headers.get(CSRF_HEADER, "")
        if not hmac.compare_digest(given.encode(), csrf_token(secret).encode()):
            raise CsrfTokenWrong

    def _ours(self, given: str, host: str) -> bool:
        if self.origin is not None:
            return given == self.origin
        try:
            parts = urlsplit(given)
        except ValueError:
            return False
        schemes = {"https"} if self.secure else {"http", "https"}
        return parts.scheme in schemes and parts.netloc.lower() == host.lower() != ""


def csrf_token(secret: str) -> str:
    """Of one session; who has it can't tell the session's secret from it."""
    return hmac.digest(secret.encode(), b"csrf", hashlib.sha256).hex()
