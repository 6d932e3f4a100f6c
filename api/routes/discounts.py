"""Discount codes (R9): staff make them, buyers try them before they order."""

from datetime import datetime
from functools import partial
from typing import Annotated, Literal, Self

from fastapi import APIRouter, Request
from pydantic import ConfigDict, Field, JsonValue, StrictBool
from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.convertors import StringConvertor, register_url_convertor

from api.deps import Admin, Buyer, CorrelationId, Principal, SignedIn, Wired, count, now
from api.limits import Quota
from api.lists import Page, Paging, page_of
from api.schemas import Sent
from db import discounts, event_log
from db.ids import new_id
from db.pricing import goods_of
from db.tables import Discount
from domain.discounts import DiscountCode, DiscountTerms, PeriodEnd
from domain.errors import (
    DiscountCodeTaken,
    DiscountIncomplete,
    DiscountNotApplicable,
    DiscountUsedUp,
    ResourceNotFound,
)
from domain.events import Event, EventType
from domain.ids import DiscountId
from domain.money import Money
from domain.orders import Item, Role
from domain.values import Value

router = APIRouter(prefix="/v1/discounts", tags=["Discounts"])

Limit = Annotated[int, Field(strict=True, ge=1, le=10**9)]


class _OneDiscount(StringConvertor):
    """`/v1/discounts/validate` is no discount's address."""

    regex = "(?!validate$)[^/]+"


register_url_convertor("discount", _OneDiscount())


class NewDiscount(DiscountTerms):
    """`uses` and `uses_per_buyer` limit how often it is used; a `listed` one is shown to every buyer."""

    model_config = ConfigDict(extra="forbid")

    listed: StrictBool = False
    uses: Limit | None = None
    uses_per_buyer: Limit | None = None


class DiscountChange(Sent):
    """What may change while orders use it; what it takes off may not: make another code for that."""

    active: StrictBool | None = None
    listed: StrictBool | None = None
    starts: PeriodEnd | None = None
    ends: PeriodEnd | None = None
    uses: Limit | None = None
    uses_per_buyer: Limit | None = None


class DiscountView(DiscountTerms):
    """`taken` counts the uses of open and of completed orders; it and the limits are for staff."""

    id: DiscountId
    object: Literal["discount"] = "discount"
    created: datetime
    listed: bool
    uses: int | None
    uses_per_buyer: int | None
    taken: int | None

    def for_buyer(self) -> Self:
        return self.model_copy(update={"uses": None, "uses_per_buyer": None, "taken": None})


class Trial(Sent):
    code: DiscountCode
    items: Annotated[list[Item], Field(min_length=1, max_length=200)]


class Tried(Value):
    """What the code would take off these goods now. Placing the order decides: uses may be gone by then."""

    object: Literal["discount_trial"] = "discount_trial"
    code: str
    valid: bool
    problem: str | None
    subtotal: Money
    discount: Money


@router.get("", operation_id="listDiscounts")
async def list_discounts(caller: SignedIn, wired: Wired, paging: Paging) -> Page[DiscountView]:
    """Discounts, newest first: all of them for staff, for others those that are listed and can be used now."""
    query = select(Discount.id)
    if caller.role is not Role.ADMIN:
        query = query.where(_usable(now()))
    async with wired.database.transaction() as session:
        return await page_of(session, query, Discount.id, paging, partial(_views, session, caller))


@router.post("", operation_id="createDiscount", status_code=201, responses={409: {}})
async def create_discount(body: NewDiscount, caller: Admin, wired: Wired, correlation: CorrelationId) -> DiscountView:
    """Make a code. Letters of either case are the same code."""
    at = now()
    row = Discount(id=new_id("dsc"), **body.model_dump(), taken=0, created=at, updated=at)
    try:
        async with wired.database.transaction() as session:
            session.add(row)
            _log(session, EventType.DISCOUNT_CREATED, row, caller, correlation)
            await session.flush()
            await session.refresh(row)
    except IntegrityError as error:
        raise DiscountCodeTaken(code=body.code) from error
    return _view(row, caller)


@router.patch("/{discount_id:discount}", operation_id="changeDiscount")
async def change_discount(
    discount_id: DiscountId, body: DiscountChange, caller: Admin, wired: Wired, correlation: CorrelationId
) -> DiscountView:
    """Switch a code on or off, or change its period and limits; what is left out stays, null takes a limit off."""
    async with wired.database.transaction() as session:
        row = await session.get(Discount, discount_id, with_for_update=True)
        if row is None:
            raise ResourceNotFound(resource="discount", id=discount_id)
        changes = body.model_dump(exclude_unset=True)
        for name in ("active", "listed"):
            if changes.get(name, True) is None:
                raise DiscountIncomplete(problem=f"{name} is true or false")
        for name, value in changes.items():
            setattr(row, name, value)
        if row.starts is not None and row.ends is not None and row.ends <= row.starts:
            raise DiscountIncomplete(problem="It ends before it starts")
        row.updated = now()
        _log(session, EventType.DISCOUNT_CHANGED, row, caller, correlation, changed=list[JsonValue](sorted(changes)))
    return _view(row, caller)


@router.post("/validate", operation_id="tryDiscount")
async def try_discount(body: Trial, request: Request, caller: Buyer, wired: Wired) -> Tried:
    """What a code takes off these goods, or why it takes off nothing."""
    await count(request, Quota.DISCOUNT_CODES, caller.account_id)
    async with wired.database.transaction() as session:
        currency, subtotal = await goods_of(session, body.items)
        try:
            terms = await discounts.terms_of(session, body.code, caller.account_id)
            reduction, problem = terms.reduction(currency, subtotal, now()), None
        except (DiscountNotApplicable, DiscountUsedUp) as refusal:
            reduction, problem = 0, str(refusal)
    return Tried(
        code=body.code,
        valid=problem is None,
        problem=problem,
        subtotal=Money(amount=subtotal, currency=currency),
        discount=Money(amount=reduction, currency=currency),
    )


def _log(
    session: AsyncSession,
    kind: EventType,
    row: Discount,
    caller: Principal,
    correlation: str,
    **more: JsonValue,
) -> None:
    data: dict[str, JsonValue] = {"actor_id": caller.account_id, "active": row.active, **more}
    event_log.append(session, Event(type=kind, time=row.updated, subject=row.id, data=data, correlation_id=correlation))


def _usable(at: datetime) -> ColumnElement[bool]:
    return and_(
        Discount.active,
        Discount.listed,
        or_(Discount.starts.is_(None), Discount.starts <= at),
        or_(Discount.ends.is_(None), Discount.ends > at),
        or_(Discount.uses.is_(None), Discount.taken < Discount.uses),
    )


async def _views(session: AsyncSession, caller: Principal, ids: list[str]) -> list[DiscountView]:
    rows = await session.scalars(select(Discount).where(Discount.id.in_(ids)))
    found = {row.id: _view(row, caller) for row in rows}
    return [found[each] for each in ids if each in found]


def _view(row: Discount, caller: Principal) -> DiscountView:
    view = DiscountView.model_validate(row)
    return view if caller.role is Role.ADMIN else view.for_buyer()
