"""Payments, read (P11): what is owed, what was tried, what came of it."""

from collections.abc import Sequence
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, StringConstraints
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from api import orders
from api.commands import DONE, Send
from api.deps import Admin, Principal, Wired, only
from api.lists import Page, Paging, page_of
from api.schemas import Sent
from db.queries import payment_views
from db.tables import Order, Payment
from domain.errors import ResourceNotFound
from domain.ids import OrderId, PaymentId
from domain.order_view import PaymentView
from domain.orders import Role
from domain.payments import PaymentStatus
from domain.repair import ProviderReference, Resolution, Verdict
from domain.values import WORD

router = APIRouter(tags=["Payments"])

Reader = Annotated[Principal, Depends(only(Role.BUYER, Role.ADMIN))]


class ResolveRequest(Sent):
    """How an unknown payment ended; `evidence` says how that is known, and stays with the request.

    `reference` is the provider's id of the payment, when none is on record.
    """

    outcome: Verdict
    reference: ProviderReference | None = None
    evidence: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000, pattern=WORD)]


class PaymentFilter(BaseModel):
    status: PaymentStatus | None = Query(default=None)


async def _shown(caller: Principal, session: AsyncSession, ids: Sequence[str]) -> list[PaymentView]:
    views = await payment_views(session, ids)
    return [view.for_buyer() for view in views] if caller.role is Role.BUYER else views


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
        return await page_of(session, query, Payment.id, paging, partial(_shown, caller, session))


@router.get("/v1/payments/{payment_id}", operation_id="getPayment")
async def get_payment(payment_id: PaymentId, caller: Reader, wired: Wired) -> PaymentView:
    """One payment with its attempts."""
    async with wired.database.transaction() as session:
        for view in await _shown(caller, session, [payment_id]):
            owner = await session.scalar(select(Order.buyer_id).where(Order.id == view.order_id))
            if caller.role is Role.ADMIN or owner == caller.account_id:
                return view
    raise ResourceNotFound(resource="payment", id=payment_id)


@router.get("/v1/orders/{order_id}/payments", operation_id="listOrderPayments")
async def list_order_payments(order_id: OrderId, caller: Reader, wired: Wired, paging: Paging) -> Page[PaymentView]:
    """The payments of one order."""
    async with wired.database.transaction() as session:
        await orders.visible(session, caller, order_id)
        query = select(Payment.id).where(Payment.order_id == order_id)
        return await page_of(session, query, Payment.id, paging, partial(_shown, caller, session))


@router.post("/v1/payments/{payment_id}/resolve", operation_id="resolvePayment", responses=DONE)
async def resolve_payment(
    payment_id: PaymentId, body: ResolveRequest, caller: Admin, wired: Wired, send: Send
) -> Response:
    """Say how a payment ended of which nobody knows. The provider is asked once more, and its word goes first."""
    async with wired.database.transaction() as session:
        order_id = await session.scalar(select(Payment.order_id).where(Payment.id == payment_id))
    if order_id is None:
        raise ResourceNotFound(resource="payment", id=payment_id)
    finding = Resolution(verdict=body.outcome, reference=body.reference)
    return await send.once(caller, order_id, "resolve", body, resolution=finding)
