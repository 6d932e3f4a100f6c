"""The API alone, called in this process: neither a database nor Temporal is there for it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2
from temporalio.client import Client

from api.deps import Wiring
from api.edge import Edge
from api.tokens import SigningKey, Tokens
from db.session import Database
from domain.orders import Policy, Role
from tests.support.apps import quick_app

# Nothing listens there.
NOWHERE = "127.0.0.1:1"
TOKENS = Tokens([SigningKey("test", "a secret of the tests that is long enough")], 900)
ANN, BEN = (f"acc_0000000000000000000000000{letter}" for letter in "ab")


@asynccontextmanager
async def bare_api(edge: Edge | None = None, peer: str = "203.0.113.7") -> AsyncIterator[httpx2.AsyncClient]:
    """A client whose connection comes from the address `peer`."""
    wiring = Wiring(
        database=Database(f"postgresql://nobody@{NOWHERE}/nothing", pool_size=2),
        temporal=await Client.connect(NOWHERE, lazy=True),
        tokens=TOKENS,
        webhooks={},
        policy=Policy(payment_deadline=1800, inspection_window=3600),
        answer_budget_seconds=1.0,
        temporal_ui_url=None,
    )
    transport = httpx2.ASGITransport(quick_app(wiring, edge), client=(peer, 40_000))
    async with httpx2.AsyncClient(transport=transport, base_url="http://api") as http:
        yield http
    await wiring.database.close()


def signed_in(account: str = ANN, role: Role = Role.BUYER) -> dict[str, str]:
    return {"Authorization": f"Bearer {TOKENS.issue(account, role)}"}
