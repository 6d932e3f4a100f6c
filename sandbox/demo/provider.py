"""The payment provider's simulator: told to misbehave, and asked what really happened."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import httpx2

from domain.books import ProviderTruth
from sandbox.faults import Fault

NEW_PAYMENT = "/v1/payment_intents"


class Provider:
    def __init__(self, http: httpx2.AsyncClient) -> None:
        self._http = http
        self._script = asyncio.Lock()

    def misbehaving(self, fault: Fault) -> AbstractAsyncContextManager[None]:
        """One fault while the block runs."""
        return self._playing(faults=[fault.model_dump(mode="json")])

    def losing_webhooks(self) -> AbstractAsyncContextManager[None]:
        """None that is sent while the block runs arrives."""
        return self._playing(webhooks={"drop": 1.0})

    @asynccontextmanager
    async def _playing(self, **script: Any) -> AsyncIterator[None]:  # noqa: ANN401 - JSON
        """One script at a time: scenarios run beside each other."""
        async with self._script:
            await self._adopt(**script)
            try:
                yield
            finally:
                await self._adopt()

    async def answer_bank(self, client_secret: str) -> None:
        """The buyer passes the bank's challenge of the payment that has this secret."""
        intent = client_secret.partition("_secret_")[0]
        (await self._http.post(f"/_sandbox/3ds/{intent}", params={"outcome": "succeed"})).raise_for_status()

    async def truth(self) -> ProviderTruth:
        return ProviderTruth.model_validate(await self._get("state"))

    async def asked_for_money(self) -> list[dict[str, Any]]:
        """Every request for a new payment, as it came in."""
        requests = (await self._get("requests"))["requests"]
        return [each for each in requests if (each["method"], each["path"]) == ("POST", NEW_PAYMENT)]

    async def _adopt(self, **script: Any) -> None:  # noqa: ANN401 - JSON
        (await self._http.put("/_sandbox/script", json=script)).raise_for_status()

    async def _get(self, what: str) -> Any:  # noqa: ANN401 - JSON
        return (await self._http.get(f"/_sandbox/{what}")).raise_for_status().json()
