"""What a follower of an order reads: an order's whole life, and the entries of a stream."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx2

# Of an order that is paid at once, shipped, and accepted by its buyer.
LIFE = [
    "order.placed",
    "payment.captured",
    "order.confirmed",
    "fulfilment.shipped",
    "order.shipped",
    "fulfilment.delivered",
    "fulfilment.accepted",
    "order.delivered",
    "order.completed",
]


async def entries(answer: httpx2.Response) -> AsyncIterator[dict[str, Any]]:
    """The timeline entries of a stream of server-sent events, each as it comes."""
    said: dict[str, str] = {}
    async for line in answer.aiter_lines():
        name, _, value = line.partition(": ")
        if line:
            said[name] = value
            continue
        if "data" in said:
            entry = json.loads(said["data"])
            assert entry["id"] == said["id"]
            yield entry
        said = {}
