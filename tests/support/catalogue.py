"""Calls to the catalogue and to carts as anybody may make them, with the version that was read."""

from typing import Any

import httpx2
from sqlalchemy import select

from db.ids import new_id
from db.tables import EventRow
from domain.orders import Role
from tests.support.arena import Arena

# An account in its role; a role alone is the arena's own account of it; None is nobody.
Who = tuple[str, Role] | Role | None
NEW = {"name": "Deck light", "price": {"amount": 4550, "currency": "USD"}, "stock": 5}


async def send(
    arena: Arena,
    method: str,
    path: str,
    who: Who = None,
    body: Any = None,
    *,
    match: str | None = None,
    key: str | None = None,
) -> httpx2.Response:
    headers = {"Idempotency-Key": key or new_id("key")}
    if who is not None:
        account, role = (arena.people[who], who) if isinstance(who, Role) else who
        headers["Authorization"] = f"Bearer {arena.tokens.issue(account, role)}"
    if match is not None:
        headers["If-Match"] = match
    return await arena.http.request(method, path, headers=headers, json=body)


async def another(arena: Arena, role: Role) -> tuple[str, Role]:
    """A second account of the role."""
    return await arena.new_account(role), role


async def listed(arena: Arena, query: str = "", who: Who = None) -> list[str]:
    """The ids of one page of products."""
    answer = await send(arena, "GET", f"/v1/products?{query}", who)
    assert answer.status_code == 200, answer.text
    return [each["id"] for each in answer.json()["data"]]


async def whole_list(arena: Arena, query: str, limit: int, before: str | None = None) -> list[str]:
    """All products of a list, read page by page: from its beginning, or those before one from there back to it."""
    found: list[str] = []
    cursor = "starting_after" if before is None else "ending_before"
    after = "" if before is None else f"&{cursor}={before}"
    while True:
        answer = await send(arena, "GET", f"/v1/products?{query}&limit={limit}{after}")
        assert answer.status_code == 200, answer.text
        page = answer.json()
        ids = [each["id"] for each in page["data"]]
        found = [*found, *ids] if before is None else [*ids, *found]
        if not page["has_more"]:
            return found
        after = f"&{cursor}={page['resume'] or ids[-1 if before is None else 0]}"


async def event_data(arena: Arena, subject: str, kind: str) -> list[dict[str, Any]]:
    """The data of all events of a kind about one subject, in their order."""
    query = select(EventRow.data).where(EventRow.subject == subject, EventRow.type == kind)
    async with arena.database.transaction() as session:
        return list(await session.scalars(query.order_by(EventRow.sequence)))


async def category(arena: Arena, slug: str, parent: str | None = None) -> dict[str, Any]:
    body = {"slug": slug, "name": slug.title(), "parent": parent}
    answer = await send(arena, "POST", "/v1/categories", Role.ADMIN, body)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def new_product(arena: Arena, who: Who = Role.SELLER, **fields: Any) -> dict[str, Any]:
    """A product put up for sale over the API."""
    answer = await send(arena, "POST", "/v1/products", who, {**NEW, **fields})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made
