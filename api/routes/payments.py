"""Payments, read (P11): what is owed, what was tried, what came of it."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel
from sqlalchemy import select

from api import orders
from api.deps import Principal, Wired, only
from api.lists import Page, Paging, page_of
from db.queries import payment_views
from db.tables import Order, Payment
from domain.errors import ResourceNotFound
from domain.ids import OrderId, PaymentId
from domain.orders import PaymentView, Role
from domain.payments import PaymentStatus

router = APIRouter(tags=["Payments"])

Reader = Annotated[Principal, Depends(only(Role.BUYER, Role.ADMIN))]


class PaymentFilter(BaseModel):
    status: PaymentStatus | None = Query(default=None)


@router.get("/v1/payments", operation_id="listPayments")
async def list_payments(
    caller: Reader, wired: Wired, paging: Paging, wanted: Annotated[PaymentFilter, Query()]
) -> Page[PaymentView]:
    """The caller's payments, or all for staff, newest first."""
    query = select(Payment.id)
    if caller.role is Role.BUYER:
        query = query.join(Order, Order.id == Payment.order_id).where(Order.buyer_id == caller.account_id)
    if wanted.status is not None:
        query = query.where(Payment.status == wanted.status)
    async with wired.database.transaction() as session:
        return await page_of(session, query, Payment.id, paging, partial(payment_views, session))


@router.get("/v1/payments/{payment_id}", operation_id="getPayment")
async def get_payment(payment_id: PaymentId, caller: Reader, wired: Wired) -> PaymentView:
    """One payment with its attempts."""
    async with wired.database.transaction() as session:
        for view in await payment_views(session, [payment_id]):
            owner = await session.scalar(select(Order.buyer_id).where(Order.id == view.order_id))
            if caller.role is Role.ADMIN or owner == caller.account_id:
                return view
    raise ResourceNotFound(resource="payment", id=payment_id)


@router.get("/v1/orders/{order_id}/payments", operation_id="listOrderPayments")
async def list_order_payments(order_id: OrderId, caller: Reader, wired: Wired, paging: Paging) -> Page[PaymentView]:
    """The payments of one order."""
    async with wired.database.transaction() as session:
        await orders.found(session, caller, order_id)
        query = select(Payment.id).where(Payment.order_id == order_id)
        return await page_of(session, query, Payment.id, paging, partial(payment_views, session))
