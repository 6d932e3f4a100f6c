"""Carts: what a buyer puts together, what it would cost, and its checkout (C3)."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field, StringConstraints

from api import summaries
from api.deps import Buyer, Wired, count, now
from api.limits import Quota
from api.placing import PLACED, CheckoutRequest, OrderRequest, Place, Source, Word
from api.schemas import Sent
from api.summaries import Summary
from api.versions import IfMatch, MaybeIfMatch, etag
from db import carts, discounts
from db.commands import CHECKOUT_ROUTE
from domain.addresses import CountryCode, Destination
from domain.carts import MAX_PIECES, CartProblem, CartView
from domain.discounts import DiscountCode
from domain.errors import CartEmpty
from domain.ids import CartId, CartItemId, ProductId
from domain.orders import Item
from domain.values import TEXT, Value

router = APIRouter(prefix="/v1/carts", tags=["Carts"])

Pieces = Annotated[int, Field(strict=True, ge=1, le=MAX_PIECES)]


class CartAddition(Sent):
    """Pieces of a product that is in the cart already come on top."""

    product_id: ProductId
    quantity: Pieces


class CartItemChange(Sent):
    quantity: Pieces


class Shipment(BaseModel):
    """Where to and how: what tax and shipping depend on."""

    country: Annotated[CountryCode, Query()]
    region: Annotated[str, StringConstraints(max_length=200, pattern=TEXT), Query()] = ""
    postal_code: Annotated[str, StringConstraints(max_length=20, pattern=TEXT), Query()] = ""
    shipping_method: Annotated[Word, Query()] = "standard"

    @property
    def destination(self) -> Destination:
        return Destination(country=self.country, region=self.region, postal_code=self.postal_code)


class DiscountedShipment(Shipment):
    discount_code: Annotated[DiscountCode | None, Query()] = None


class PerhapsShipment(Shipment):
    """Without a country it is not looked at whether, and for how much, something is shipped there."""

    country: Annotated[CountryCode | None, Query()] = None  # type: ignore[assignment]  # the only field that may be left out


class Validation(Value):
    """`problems` are what an order of the cart would be refused for, and prices that its buyer has not seen."""

    object: Literal["cart_validation"] = "cart_validation"
    valid: bool
    problems: tuple[CartProblem, ...]


@router.post("", operation_id="createCart", status_code=201, responses={409: {}})
async def create_cart(caller: Buyer, wired: Wired, response: Response) -> CartView:
    """A new cart with nothing in it; a buyer has 20 open ones at most."""
    async with wired.database.transaction() as session:
        view = await carts.view(session, await carts.begin(session, caller.account_id, now()))
    response.headers["Location"] = f"/v1/carts/{view.id}"
    return _tagged(view, response)


@router.get("/{cart_id}", operation_id="getCart")
async def get_cart(cart_id: CartId, caller: Buyer, wired: Wired, response: Response) -> CartView:
    """One cart, with what its items cost when they were put in and cost today."""
    async with wired.database.transaction() as session:
        view = await carts.view(session, await carts.own(session, caller.account_id, cart_id))
    return _tagged(view, response)


@router.post("/{cart_id}/items", operation_id="addCartItem", responses={409: {}})
async def add_item(
    cart_id: CartId, body: CartAddition, caller: Buyer, match: MaybeIfMatch, wired: Wired, response: Response
) -> CartView:
    """Put pieces of a product in; with If-Match a repeat whose answer was lost puts them in once."""
    async with wired.database.transaction() as session:
        cart = await carts.own(session, caller.account_id, cart_id, lock=True)
        match.check(cart.version)
        await carts.put(session, cart, body.product_id, body.quantity, now())
        return _tagged(await carts.view(session, cart), response)


@router.patch("/{cart_id}/items/{item_id}", operation_id="changeCartItem", responses={409: {}})
async def change_item(
    cart_id: CartId,
    item_id: CartItemId,
    body: CartItemChange,
    caller: Buyer,
    match: IfMatch,
    wired: Wired,
    response: Response,
) -> CartView:
    """Choose how many pieces, for what they cost today."""
    async with wired.database.transaction() as session:
        cart = await carts.own(session, caller.account_id, cart_id, lock=True)
        match.check(cart.version)
        await carts.change(session, cart, item_id, body.quantity, now())
        return _tagged(await carts.view(session, cart), response)


@router.delete("/{cart_id}/items/{item_id}", operation_id="removeCartItem", responses={409: {}})
async def remove_item(
    cart_id: CartId, item_id: CartItemId, caller: Buyer, match: IfMatch, wired: Wired, response: Response
) -> CartView:
    """Take an item out; the answer is the cart without it."""
    async with wired.database.transaction() as session:
        cart = await carts.own(session, caller.account_id, cart_id, lock=True)
        match.check(cart.version)
        await carts.take_out(session, cart, item_id, now())
        return _tagged(await carts.view(session, cart), response)


@router.get("/{cart_id}/checkout/summary", operation_id="summarizeCart", responses={409: {}})
async def summarize_cart(
    cart_id: CartId, request: Request, caller: Buyer, wired: Wired, shipment: Annotated[DiscountedShipment, Query()]
) -> Summary:
    """What an order of the cart would cost now, line by line; refused as the order would be."""
    code = shipment.discount_code
    if code is not None:
        await count(request, Quota.DISCOUNT_CODES, caller.account_id)
    async with wired.database.transaction() as session:
        cart = await carts.own(session, caller.account_id, cart_id)
        carts.check_open(cart)
        items = [item for item, _ in await carts.stocked_items(session, cart)]
        terms = None if code is None else await discounts.terms_of(session, code, caller.account_id)
        return await summaries.of(session, items, shipment.destination, shipment.shipping_method, now(), terms)


@router.get("/{cart_id}/checkout/validate", operation_id="validateCart", responses={409: {}})
async def validate_cart(
    cart_id: CartId, caller: Buyer, wired: Wired, shipment: Annotated[PerhapsShipment, Query()]
) -> Validation:
    """All that stands in the way of an order of the cart; with a country also whether it can be shipped there."""
    async with wired.database.transaction() as session:
        cart = await carts.own(session, caller.account_id, cart_id)
        carts.check_open(cart)
        items = await carts.stocked_items(session, cart)
        where = None if shipment.country is None else shipment.destination
        found = await summaries.problems(session, items, where, shipment.shipping_method, now())
    return Validation(valid=not found, problems=tuple(found))


@router.post("/{cart_id}/checkout", operation_id="checkOutCart", status_code=201, responses=PLACED)
async def check_out_cart(
    cart_id: CartId, body: CheckoutRequest, caller: Buyer, wired: Wired, placing: Place
) -> Response:
    """Place an order of all that is in the cart, as POST /v1/orders does. A cart becomes one order at most.

    The order is of the cart as it is now: when it is changed before the order stands, the order is refused. A refused
    order leaves the cart open.
    """
    async with wired.database.transaction() as session:
        cart = await carts.own(session, caller.account_id, cart_id)
        items = await carts.stocked_items(session, cart)
    if not items:
        raise CartEmpty
    source = Source(cart_id=cart.id, cart_version=cart.version, order_id=cart.order_id)
    wanted = [Item(product_id=item.product_id, quantity=item.quantity) for item, _ in items]
    sent = {name: getattr(body, name) for name in CheckoutRequest.model_fields}
    return await placing.once(caller, CHECKOUT_ROUTE, OrderRequest(items=wanted, **sent), source)


def _tagged(view: CartView, response: Response) -> CartView:
    response.headers.update(etag(view.version))
    return view
