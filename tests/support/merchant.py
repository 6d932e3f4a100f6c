"""A merchant's integration that talks to a running stack, and what is left behind on its disk."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2

from sandbox.stack import Stack
from tests.support.arena import eventually


class Shop:
    """`http` speaks to the API, as the stack's own demo accounts."""

    def __init__(self, stack: Stack, http: httpx2.AsyncClient) -> None:
        self.stack, self.http = stack, http
        self.tokens: dict[str, str] = {}

    async def log_in(self) -> None:
        for role in ("buyer", "seller", "admin"):
            account = getattr(self.stack.ready.accounts, role)
            answer = await self.http.post("/v1/auth/login", json={"email": account.email, "password": account.password})
            self.tokens[role] = answer.json()["access_token"]

    def headers(self, role: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.tokens[role]}", "Idempotency-Key": str(uuid.uuid4())}

    async def post(self, path: str, body: Mapping[str, Any], role: str = "buyer") -> httpx2.Response:
        return await self.http.post(path, json=body, headers=self.headers(role))

    async def get(self, path: str, role: str = "admin") -> Any:
        answer = await self.http.get(path, headers=self.headers(role))
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def placed(self, body: Mapping[str, Any]) -> dict[str, Any]:
        answer = await self.post("/v1/orders", body)
        assert answer.status_code in {201, 202}, answer.text
        order: dict[str, Any] = answer.json()
        return order

    async def tell(self, order: str, verb: str, body: Mapping[str, Any], role: str = "buyer") -> None:
        """A command that has to be accepted; said again while the order is busy with its provider's news."""
        headers = self.headers(role)

        async def accepted() -> bool:
            answer = await self.http.post(f"/v1/orders/{order}/{verb}", json=body, headers=headers)
            assert answer.is_success or answer.status_code in {409, 503}, answer.text
            return answer.is_success

        await eventually(accepted)

    async def becomes(self, order: str, status: str, payment_status: str) -> dict[str, Any]:
        async def seen() -> dict[str, Any] | None:
            view: dict[str, Any] = await self.get(f"/v1/orders/{order}")
            return view if (view["status"], view["payment_status"]) == (status, payment_status) else None

        view: dict[str, Any] = await eventually(seen)
        return view

    async def intent(self, order: str) -> str:
        """The provider's id of a payment that waits for the bank."""
        view = await self.becomes(order, "pending", "requires_action")
        return str(view["next_action"]["client_secret"].partition("_secret_")[0])

    async def pass_bank(self, intent: str) -> None:
        await self.at_provider("POST", f"/_sandbox/3ds/{intent}?outcome=succeed")

    async def at_provider(self, method: str, path: str, **form: str) -> Any:
        """Somebody is at the provider's dashboard."""
        headers = {"Authorization": "Bearer sk_test_dashboard"}
        async with httpx2.AsyncClient(base_url=self.stack.ready.stripe, timeout=30) as http:
            answer = await http.request(method, path, data=form, headers=headers)
        return answer.raise_for_status().json()

    async def incident(self, kind: str) -> dict[str, Any]:
        """The open incident of a kind, once there is one."""

        async def seen() -> dict[str, Any] | None:
            listed = (await self.get(f"/v1/incidents?open=true&kind={kind}"))["data"]
            return listed[0] if listed else None

        found: dict[str, Any] = await eventually(seen)
        return found


@asynccontextmanager
async def open_for_business(stack: Stack) -> AsyncIterator[Shop]:
    async with httpx2.AsyncClient(base_url=stack.ready.api, timeout=60) as http:
        shop = Shop(stack, http)
        await shop.log_in()
        yield shop


async def found_in(directory: Path, wanted: Iterable[str]) -> dict[str, list[str]]:
    """The files below the directory that contain any of the texts, in the encodings that they could be stored in."""
    texts = list(wanted)
    return await asyncio.to_thread(lambda: {name: texts for name, texts in _holding(directory, texts) if texts})


def _holding(directory: Path, wanted: list[str]) -> Iterator[tuple[str, list[str]]]:
    for path in sorted(directory.rglob("*")):
        if path.is_file():
            content = path.read_bytes()
            encoded = ((text, (text.encode(), text.encode("utf-16-le"))) for text in wanted)
            yield (
                str(path.relative_to(directory)),
                [text for text, forms in encoded if any(each in content for each in forms)],
            )
