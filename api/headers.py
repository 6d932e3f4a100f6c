"""Headers that every reply carries, refusals and failures too: what a browser may do with it."""

from starlette.datastructures import MutableHeaders
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# A reply of the API is no page: it loads nothing and is framed by nobody.
_ALWAYS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    # Most replies are about one account (RFC 9111, 5.2.2.5); what may be kept says so itself.
    "Cache-Control": "no-store",
}
_METHODS = ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT")
_TAKEN = (
    "Authorization",
    "Content-Type",
    "Idempotency-Key",
    "If-Match",
    "If-None-Match",
    "Last-Event-ID",
    "X-Request-Id",
)
_SHOWN = (
    "ETag",
    "Idempotency-Replayed",
    "Location",
    "RateLimit",
    "RateLimit-Limit",
    "RateLimit-Policy",
    "RateLimit-Remaining",
    "RateLimit-Reset",
    "Retry-After",
    "X-Request-Id",
)


class SecurityHeaders:
    """A route that answers with a page sets its own policy, which stays."""

    def __init__(self, app: ASGIApp, *, hsts_seconds: int = 0) -> None:
        """`hsts_seconds`: how long browsers shall come by HTTPS only; 0 where there is no HTTPS."""
        self.app = app
        self._headers = dict(_ALWAYS)
        if hsts_seconds:
            self._headers["Strict-Transport-Security"] = f"max-age={hsts_seconds}; includeSubDomains"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
            await send(message)

        await self.app(scope, receive, with_headers)


class CrossOrigin(CORSMiddleware):
    """Pages of these origins may call the API from a browser, by bearer token: no cookie of theirs is ever taken."""

    def __init__(self, app: ASGIApp, *, origins: tuple[str, ...]) -> None:
        super().__init__(
            app,
            allow_origins=origins,
            allow_methods=_METHODS,
            allow_headers=_TAKEN,
            allow_credentials=False,
            expose_headers=_SHOWN,
        )
