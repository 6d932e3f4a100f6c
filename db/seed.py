"""Demo data: three accounts, categories, a few products, and the price tables; safe to run again."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import NamedTuple

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from db import categories, stock
from db.ids import new_id
from db.passwords import hash_password
from db.session import Database
from db.tables import Account, Product, ShippingRate, TaxRateRow
from domain.orders import Role

DEMO_ACCOUNTS = {role: f"{role}@example.com" for role in Role}

_TAXES = [
    ("DE", "", "standard", "0.19", True),
    ("DE", "", "reduced", "0.07", True),
    ("DE", "", "shipping", "0.19", True),
    ("US", "CA", "standard", "0.0725", False),
    ("US", "NY", "standard", "0.04", False),
]
_SHIPPING = [
    ("standard", "", "USD", 500),
    ("express", "", "USD", 1500),
    ("standard", "", "EUR", 490),
    ("express", "", "EUR", 1290),
    ("pickup", "", "USD", 0),
    ("pickup", "", "EUR", 0),
]
# Each below one that comes before it.
_CATEGORIES = [
    ("deck", "Deck", None),
    ("anchoring", "Anchoring", "deck"),
    ("lights", "Lights", "deck"),
    ("navigation", "Navigation", None),
    ("charts", "Charts", "navigation"),
    ("safety", "Safety", None),
]


class _Offer(NamedTuple):
    name: str
    price: int
    currency: str
    on_hand: int
    role: Role
    category: str
    description: str = ""


_PRODUCTS = [
    _Offer("Anchor shackle, galvanised", 1999, "USD", 500, Role.SELLER, "anchoring", "Bow shackle of forged steel."),
    _Offer("Deck light, brass", 4550, "USD", 200, Role.SELLER, "lights", "Takes a lamp of 12 volts."),
    _Offer("Chart of the Baltic", 2900, "EUR", 100, Role.ADMIN, "charts", "On paper, with the lights of this year."),
    _Offer("Last lifebuoy", 8900, "USD", 1, Role.SELLER, "safety"),
    _Offer("Anchor chain, 8 mm", 1450, "USD", 300, Role.SELLER, "anchoring", "Galvanised, by the metre."),
    _Offer("Folding anchor, 4 kg", 5200, "USD", 40, Role.SELLER, "anchoring", "For a small boat, or a dinghy."),
    _Offer("Masthead light", 7900, "USD", 60, Role.SELLER, "lights", "White, seen three miles off."),
    _Offer("Hand bearing compass", 6400, "USD", 25, Role.ADMIN, "navigation", "Lit at night."),
    _Offer("Chart of the North Sea", 2900, "EUR", 80, Role.ADMIN, "charts", "On paper."),
    _Offer("Life jacket, 150 N", 9900, "USD", 120, Role.SELLER, "safety", "Blows itself up in the water."),
]


async def seed_demo(database: Database, password: str) -> int:
    """Create what is missing, and return how many products that was; accounts that exist keep their password."""
    at = datetime.now(UTC)
    async with database.transaction() as session:
        await seed_prices(session)
        accounts = {role: await _account(session, role, password, at) for role in Role}
        if await session.scalar(select(func.count()).select_from(Product)):
            return 0
        known = await _categories(session, at)
        for offer in _PRODUCTS:
            product = Product(
                id=new_id("prd"),
                seller_id=accounts[offer.role],
                own_sale=offer.role is Role.ADMIN,
                name=offer.name,
                description=offer.description,
                category_id=known[offer.category],
                price=offer.price,
                currency=offer.currency,
                created=at,
                updated=at,
            )
            session.add(product)
            await session.flush()
            stock.open_stock(session, product.id, offer.on_hand, at)
    return len(_PRODUCTS)


async def _categories(session: AsyncSession, at: datetime) -> dict[str, str]:
    """The ids of all categories by their slugs, with the demo's among them."""
    known = {row.slug for row in await categories.all_of_them(session)}
    for slug, name, parent in _CATEGORIES:
        if slug not in known:
            await categories.add(session, {"slug": slug, "name": name, "parent": parent}, at)
    return {row.slug: row.id for row in await categories.all_of_them(session)}


async def seed_prices(session: AsyncSession) -> None:
    """The demo's tax and shipping tables."""
    taxes = [
        {
            "country": country,
            "region": region,
            "tax_code": code,
            "rate": Decimal(rate),
            "inclusive": inclusive,
            "valid_from": date(2020, 1, 1),
        }
        for country, region, code, rate, inclusive in _TAXES
    ]
    rates = [
        {"method": method, "country": country, "currency": currency, "price": price}
        for method, country, currency, price in _SHIPPING
    ]
    await session.execute(insert(TaxRateRow).values(taxes).on_conflict_do_nothing())
    await session.execute(insert(ShippingRate).values(rates).on_conflict_do_nothing())


async def _account(session: AsyncSession, role: Role, password: str, at: datetime) -> str:
    email = DEMO_ACCOUNTS[role]
    known = await session.scalar(select(Account.id).where(func.lower(Account.email) == email))
    if known is not None:
        return known
    account = Account(
        id=new_id("acc"),
        email=email,
        name=f"Demo {role}",
        role=role,
        password_hash=hash_password(password),
        created=at,
    )
    session.add(account)
    await session.flush()
    return account.id
