"""Who may do what: a row for every operation of the API, and the people and things that it is tried with."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

import httpx2
from sqlalchemy import update

from api.tokens import Tokens
from db import incidents
from db.ids import new_id
from db.tables import Cart
from domain.incidents import IncidentKind
from domain.orders import Role
from tests.support.arena import ADDRESS, Arena
from tests.support.opening import SIGNING_KEY

CARD = {"method": "card", "payment_method_id": "pm_card_visa"}
PASSWORD = "correct horse battery staple"


class Who(StrEnum):
    """Callers, as they stand to an order: its buyer, the seller of its goods, and others of each role."""

    ANONYMOUS = "anonymous"
    EXPIRED = "expired"
    BUYER = "buyer"
    OTHER_BUYER = "other_buyer"
    SELLER = "seller"
    OTHER_SELLER = "other_seller"
    ADMIN = "admin"


UNKNOWN = (Who.ANONYMOUS, Who.EXPIRED)
BUYERS, SELLERS = (Who.BUYER, Who.OTHER_BUYER), (Who.SELLER, Who.OTHER_SELLER)
SIGNED_IN = (*BUYERS, *SELLERS, Who.ADMIN)
_ROLES = {Who.BUYER: Role.BUYER, Who.OTHER_BUYER: Role.BUYER, Who.SELLER: Role.SELLER, Who.OTHER_SELLER: Role.SELLER}


@dataclass
class World:
    """An arena with somebody of each kind, and what operations are about: made anew when one was changed."""

    arena: Arena
    accounts: Mapping[Who, str]
    subjects: Mapping[str, Callable[[], Awaitable[str]]] = field(init=False)

    def __post_init__(self) -> None:
        self.subjects = {
            "order": self.order,
            "payment": self.payment,
            "product": self.arena.product,
            "category": self.category,
            "discount": self.discount,
            "cart": self.cart,
            "cart item": self.cart_item,
            "incident": self.incident,
            "account": lambda: self.arena.new_account(Role.BUYER),
        }

    def headers(self, who: Who) -> dict[str, str]:
        # Whatever version is current: rights come before it.
        key = {"Idempotency-Key": new_id("key"), "If-Match": "*"}
        if who is Who.ANONYMOUS:
            return key
        tokens = Tokens([SIGNING_KEY], -60) if who is Who.EXPIRED else self.arena.tokens
        role = _ROLES.get(who, Role.ADMIN)
        return {**key, "Authorization": f"Bearer {tokens.issue(self.accounts[who], role)}"}

    async def call(self, who: Who, method: str, path: str, body: Any) -> httpx2.Response:
        return await self.arena.http.request(method, path, json=body, headers=self.headers(who))

    async def order(self) -> str:
        """A confirmed order of the buyer, with goods of the seller."""
        return str((await self.arena.place(await self.arena.product())).json()["id"])

    async def payment(self) -> str:
        return str((await self.arena.order(await self.order()))["payments"][0]["id"])

    async def category(self) -> str:
        made = await self.arena.post("/v1/categories", await _category(self), Role.ADMIN)
        return str(made.json()["id"])

    async def discount(self) -> str:
        terms = {"code": new_id("key")[-12:].upper(), "kind": "percentage", "percent": 5}
        return str((await self.arena.post("/v1/discounts", terms, Role.ADMIN)).json()["id"])

    async def cart(self) -> str:
        """A cart of the buyer, with something in it."""
        return (await self.cart_item()).split()[0]

    async def cart_item(self) -> str:
        """The ids of a cart of the buyer and of what is in it."""
        async with self.arena.database.transaction() as session:
            # A buyer has few carts a day: those before are of the day before.
            await session.execute(update(Cart).values(updated=Cart.updated - timedelta(days=2)))
        cart = (await self.arena.post("/v1/carts", {})).json()["id"]
        filled = await self.arena.post(f"/v1/carts/{cart}/items", (await _goods(self))[0])
        return f"{cart} {filled.json()['items'][0]['id']}"

    async def incident(self) -> str:
        subject = new_id("ord")
        async with self.arena.database.transaction() as session:
            await incidents.report(session, IncidentKind.REFUND_FAILED, subject, datetime.now(UTC))
        listed = await self.arena.get(f"/v1/incidents?subject={subject}", Role.ADMIN)
        return str(listed["data"][0]["id"])


async def open_world(arena: Arena) -> World:
    people = {
        Who.BUYER: arena.people[Role.BUYER],
        Who.OTHER_BUYER: await arena.new_account(Role.BUYER),
        Who.SELLER: arena.people[Role.SELLER],
        Who.OTHER_SELLER: await arena.new_account(Role.SELLER),
        Who.ADMIN: arena.people[Role.ADMIN],
        # Whose token it was does not matter any more.
        Who.EXPIRED: arena.people[Role.ADMIN],
    }
    return World(arena, people)


@dataclass(frozen=True)
class Row:
    """What callers get: the status for each who may; 403 for `barred`, whatever it is about; 404 for everybody else.

    `about` is what the path names; without it there is no 404. `query` is what the address needs besides. `public` is
    what all get, signed in or not; but who says who it is, and can't show it, is refused where that makes a difference
    (`visited`).
    """

    may: Mapping[Who, int] = field(default_factory=dict)
    barred: tuple[Who, ...] = ()
    about: str | None = None
    query: str = ""
    body: Callable[[World], Awaitable[Any]] | None = None
    public: int | None = None
    visited: bool = False

    def expected(self, who: Who, *, there: bool) -> int:
        if self.visited and who is Who.EXPIRED:
            return 401
        if self.public is not None:
            return self.public if there else 404
        if who in UNKNOWN:
            return 401
        if who in self.barred:
            return 403
        if not there:
            return 404
        return self.may.get(who, 404)


def all_of(callers: tuple[Who, ...], status: int) -> dict[Who, int]:
    return dict.fromkeys(callers, status)


def sent(**body: Any) -> Callable[[World], Awaitable[Any]]:
    async def same(_: World) -> Any:
        return body

    return same


async def _goods(world: World) -> list[dict[str, Any]]:
    return [{"product_id": await world.arena.product(), "quantity": 1}]


async def _order(world: World) -> Any:
    return {"items": await _goods(world), "shipping_address": ADDRESS, "payment": CARD}


async def _piece(world: World) -> Any:
    return (await _goods(world))[0]


async def _trial(world: World) -> Any:
    return {"code": "NOBODYS", "items": await _goods(world)}


async def _code(_: World) -> Any:
    return {"code": new_id("key")[-12:].upper(), "kind": "percentage", "percent": 5}


async def _category(_: World) -> Any:
    return {"slug": new_id("key")[-12:], "name": "Mooring"}


async def _many(world: World) -> Any:
    return {"ids": [await world.order()]}


async def _credentials(_: World) -> Any:
    """Somebody else's each time: wrong ones are counted."""
    return {"email": f"{new_id('acc')}@example.com", "password": PASSWORD}


async def _registration(_: World) -> Any:
    return {"email": f"{new_id('acc')}@example.com", "password": PASSWORD, "name": "Ann", "role": "buyer"}


_OF_ORDER = {Who.BUYER: 200, Who.SELLER: 200, Who.ADMIN: 200}
_NOT_STAFF = (*BUYERS, *SELLERS)
_NOT_BUYERS = (*SELLERS, Who.ADMIN)
_TRACKING = {"carrier": "DHL", "tracking_number": "JD01"}
_PRODUCT = {"name": "Cleat", "price": {"amount": 900, "currency": "USD"}}

ROWS = {
    "health": Row(public=503),
    "liveness": Row(public=200),
    "readiness": Row(public=200),
    "version": Row(public=200),
    # Prometheus has a token of its own.
    "metrics": Row(public=401),
    "register": Row(public=201, body=_registration),
    "logIn": Row(public=401, body=_credentials),
    "openSession": Row(public=401, body=_credentials),
    "getSession": Row(public=401),
    "endSession": Row(public=204),
    "refreshToken": Row(public=401, body=sent(refresh_token="x" * 43)),
    "logOut": Row(public=204, body=sent(refresh_token="x" * 43)),
    "verifyToken": Row(may=all_of(SIGNED_IN, 200)),
    "getMe": Row(may=all_of(SIGNED_IN, 200)),
    "changeMe": Row(may=all_of(SIGNED_IN, 200), body=sent(name="Ann")),
    # The password is wrong: nobody is erased.
    "eraseMe": Row(may=all_of(SIGNED_IN, 403), body=sent(password="not the password at all")),
    "listAccounts": Row(may={Who.ADMIN: 200}, barred=_NOT_STAFF),
    "getAccount": Row(may={Who.ADMIN: 200}, barred=_NOT_STAFF, about="account"),
    "changeAccount": Row(
        may={Who.ADMIN: 200}, barred=_NOT_STAFF, about="account", body=sent(status="blocked", reason="fraud")
    ),
    "listCategories": Row(public=200),
    "createCategory": Row(may={Who.ADMIN: 201}, barred=_NOT_STAFF, body=_category),
    "changeCategory": Row(may={Who.ADMIN: 200}, barred=_NOT_STAFF, about="category", body=sent(name="Mooring")),
    "deleteCategory": Row(may={Who.ADMIN: 204}, barred=_NOT_STAFF, about="category"),
    "listProducts": Row(public=200, visited=True),
    "getProduct": Row(public=200, visited=True, about="product"),
    "changeProduct": Row(
        may={Who.SELLER: 200, Who.ADMIN: 200}, barred=BUYERS, about="product", body=sent(name="Snap shackle")
    ),
    "deleteProduct": Row(may={Who.SELLER: 204, Who.ADMIN: 204}, barred=BUYERS, about="product"),
    "createProduct": Row(may=all_of((*SELLERS, Who.ADMIN), 201), barred=BUYERS, body=sent(**_PRODUCT)),
    "adjustStock": Row(
        may={Who.SELLER: 200, Who.ADMIN: 200}, barred=BUYERS, about="product", body=sent(delta=1, reason="received")
    ),
    "listDiscounts": Row(may=all_of(SIGNED_IN, 200)),
    "createDiscount": Row(may={Who.ADMIN: 201}, barred=_NOT_STAFF, body=_code),
    "changeDiscount": Row(may={Who.ADMIN: 200}, barred=_NOT_STAFF, about="discount", body=sent(active=False)),
    "tryDiscount": Row(may=all_of(BUYERS, 200), barred=_NOT_BUYERS, body=_trial),
    "createCart": Row(may=all_of(BUYERS, 201), barred=_NOT_BUYERS),
    "getCart": Row(may={Who.BUYER: 200}, barred=_NOT_BUYERS, about="cart"),
    "addCartItem": Row(may={Who.BUYER: 200}, barred=_NOT_BUYERS, about="cart", body=_piece),
    "changeCartItem": Row(may={Who.BUYER: 200}, barred=_NOT_BUYERS, about="cart item", body=sent(quantity=2)),
    "removeCartItem": Row(may={Who.BUYER: 200}, barred=_NOT_BUYERS, about="cart item"),
    "summarizeCart": Row(
        may={Who.BUYER: 200}, barred=_NOT_BUYERS, about="cart", query="?country=US&region=CA&postal_code=94601"
    ),
    "validateCart": Row(may={Who.BUYER: 200}, barred=_NOT_BUYERS, about="cart"),
    "checkOutCart": Row(
        may={Who.BUYER: 201}, barred=_NOT_BUYERS, about="cart", body=sent(shipping_address=ADDRESS, payment=CARD)
    ),
    "placeOrder": Row(may=all_of(BUYERS, 201), barred=_NOT_BUYERS, body=_order),
    "listOrders": Row(may=all_of(SIGNED_IN, 200)),
    "getOrder": Row(may=_OF_ORDER, about="order"),
    "getOrderStatus": Row(may=_OF_ORDER, about="order"),
    "getTimeline": Row(may=_OF_ORDER, about="order"),
    "followOrder": Row(may=_OF_ORDER, about="order"),
    # Each changes their own; tests/integration/test_order_changes.py has the rest.
    "changeOrder": Row(may=_OF_ORDER, about="order", body=sent()),
    # Paid already: what the buyer is told is not about rights.
    "payOrder": Row(may={Who.BUYER: 409}, barred=_NOT_BUYERS, about="order", body=sent(payment=CARD)),
    "shipOrder": Row(may={Who.SELLER: 200, Who.ADMIN: 200}, barred=BUYERS, about="order", body=sent(**_TRACKING)),
    # Not shipped yet.
    "deliverOrder": Row(may=dict.fromkeys(_OF_ORDER, 409), about="order", body=sent()),
    "cancelOrder": Row(may=_OF_ORDER, about="order", body=sent(reason="changed my mind")),
    "cancelOrders": Row(may={Who.ADMIN: 200}, barred=_NOT_STAFF, body=_many),
    "holdOrder": Row(may={Who.ADMIN: 200}, barred=_NOT_STAFF, about="order", body=sent(reason="fraud_review")),
    # Not held.
    "releaseOrder": Row(may={Who.ADMIN: 409}, barred=_NOT_STAFF, about="order", body=sent()),
    "listOrderPayments": Row(may={Who.BUYER: 200, Who.ADMIN: 200}, barred=SELLERS, about="order"),
    "listPayments": Row(may=all_of((*BUYERS, Who.ADMIN), 200), barred=SELLERS),
    "getPayment": Row(may={Who.BUYER: 200, Who.ADMIN: 200}, barred=SELLERS, about="payment"),
    # Nobody has to find out how it ended.
    "resolvePayment": Row(
        may={Who.ADMIN: 409},
        barred=_NOT_STAFF,
        about="payment",
        body=sent(outcome="not_paid", evidence="the dashboard has nothing"),
    ),
    "listIncidents": Row(may={Who.ADMIN: 200}, barred=_NOT_STAFF),
    "closeIncident": Row(may={Who.ADMIN: 200}, barred=_NOT_STAFF, about="incident", body=sent(note="seen to")),
    # Without a signature nobody is a provider.
    "receiveWebhook": Row(public=400),
}
MISSING = {
    "order": "ord",
    "payment": "pay",
    "product": "prd",
    "category": "cat",
    "discount": "dsc",
    "cart": "crt",
    "cart item": "crt cit",
    "incident": "inc",
    "account": "acc",
}
