"""What a process that opens hundreds of systems makes once: the API's routes, and TLS that nobody speaks."""

import ssl
from functools import cache

from fastapi import FastAPI
from starlette.routing import BaseRoute

from api.app import create_app
from api.deps import Wiring
from api.edge import Edge

# A client without a context of its own reads all certificates of the machine: longer than many a test takes.
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


@cache
def _routes() -> list[BaseRoute]:
    return create_app(Wiring.__new__(Wiring)).router.routes


def quick_app(wiring: Wiring, edge: Edge | None = None) -> FastAPI:
    """The API as it is served, with routes that all of them share.

    An app works out at its first requests what its routes take: most of the time of a test that makes a few calls.
    Nothing of a wiring is in a route; it is found through the app that was called.
    """
    app = create_app(wiring, edge=edge)
    app.router.routes = _routes()
    return app
