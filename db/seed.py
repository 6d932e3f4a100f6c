"""Demo data: three accounts, a few products, and the price tables; safe to run again."""

from datetime import UTC, date, datetime
from decimal import Decimal

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from db import stock
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
_PRODUCTS = [
    ("Anchor shackle, galvanised", 1999, "USD", 500, Role.SELLER),
    ("Deck light, brass", 4550, "USD", 200, Role.SELLER),
    ("Chart of the Baltic", 2900, "EUR", 100, Role.ADMIN),
    ("Last lifebuoy", 8900, "USD", 1, Role.SELLER),
    ("Foul-weather jacket", 12900, "USD", 50, Role.ADMIN),
]


async def seed_demo(database: Database, password: str) -> None:
    """Create what is missing; accounts that exist keep their password."""
    at = datetime.now(UTC)
    async with database.transaction() as session:
        await seed_prices(session)
        accounts = {role: await _account(session, role, password, at) for role in Role}
        if await session.scalar(select(func.count()).select_from(Product)) == 0:
            for name, price, currency, on_hand, role in _PRODUCTS:
                product = Product(
                    id=new_id("prd"),
                    seller_id=accounts[role],
                    own_sale=role is Role.ADMIN,
                    name=name,
                    price=price,
                    currency=currency,
                    created=at,
                    updated=at,
                )
                session.add(product)
                await session.flush()
                stock.open_stock(session, product.id, on_hand, at)


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
