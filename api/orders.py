"""An order on its way out: from the database, from its claim, or from a command's outcome, and to whom."""

from collections.abc import Iterable, Sequence
from typing import Literal
from urllib.parse import quote

from pydantic import AwareDatetime
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from api.deps import Principal, Wiring
from api.idempotency import Answer, Claim
from db.commands import PLACE_ROUTES, earlier_answer
from db.queries import order_view, order_views, parties_of
from db.tables import CommandOutcome, Request
from domain.errors import HoldfastError, OrderBusy, OrderClosed, ResourceNotFound
from domain.ids import AccountId, OrderId
from domain.order_view import NextAction, OrderView, WorkflowLink
from domain.orders import OrderStatus, Role
from domain.payments import PaymentStatus
from domain.values import Value
from workflows.names import order_workflow_id


class AcceptedOrder(Value):
    """An order that was accepted and is not recorded yet, or was refused after the answer 202: then `failed`.

    `refusal` is the code that a repeat of the placing call is refused with.
    """

    id: OrderId
    object: Literal["order"] = "order"
    created: AwareDatetime
    buyer_id: AccountId
    status: OrderStatus = OrderStatus.PENDING
    payment_status: PaymentStatus = PaymentStatus.PENDING
    next_action: NextAction | None = None
    refusal: str | None = None
    workflow: WorkflowLink | None = None


def shown(wired: Wiring, caller: Principal, view: OrderView) -> OrderView:
    """The order with its workflow link, cut down to what the caller may see."""
    match caller.role:
        case Role.SELLER:
            cut = view.for_seller(caller.account_id)
        case Role.BUYER:
            cut = view.for_buyer()
        case Role.ADMIN:
            cut = view
    return cut.model_copy(update={"workflow": _link(wired, view.id)})


async def found(session: AsyncSession, caller: Principal, order_id: str) -> OrderView | AcceptedOrder:
    """The caller's order, or the claim of one that is on its way. Raises ResourceNotFound, also for another's."""
    view = await order_view(session, order_id)
    if view is None:
        return await _claimed(session, caller, order_id)
    if not _may_see(caller, view.buyer_id, (each.seller_id for each in view.fulfilments)):
        raise ResourceNotFound(resource="order", id=order_id)
    return view


async def visible(session: AsyncSession, caller: Principal, order_id: str) -> frozenset[str]:
    """The parts of the order that the caller sells. Raises ResourceNotFound as `found` does."""
    parties = await parties_of(session, order_id)
    if parties is None:
        await _claimed(session, caller, order_id)
        return frozenset()
    if not _may_see(caller, parties.buyer_id, parties.sellers.values()):
        raise ResourceNotFound(resource="order", id=order_id)
    return frozenset(part for part, seller in parties.sellers.items() if seller == caller.account_id)


async def _claimed(session: AsyncSession, caller: Principal, order_id: str) -> AcceptedOrder:
    if caller.role is not Role.SELLER:
        query = select(Request).where(
            Request.resource_id == order_id, Request.route.in_(PLACE_ROUTES), Request.status.is_(None)
        )
        if caller.role is Role.BUYER:
            query = query.where(Request.account_id == caller.account_id)
        claim = await session.scalar(query)
        if claim is not None:
            return await _accepted(session, claim)
    raise ResourceNotFound(resource="order", id=order_id)


async def _accepted(session: AsyncSession, claim: Request) -> AcceptedOrder:
    order = AcceptedOrder(id=claim.resource_id, created=claim.created, buyer_id=claim.account_id)
    outcome = await session.get(CommandOutcome, claim.id)
    if outcome is None or outcome.error_code is None:
        return order
    ended = {"status": OrderStatus.FAILED, "payment_status": PaymentStatus.CANCELLED, "refusal": outcome.error_code}
    return order.model_copy(update=ended)


async def shown_page(wired: Wiring, caller: Principal, session: AsyncSession, ids: Sequence[str]) -> list[OrderView]:
    return [shown(wired, caller, view) for view in await order_views(session, ids)]


async def recall(wired: Wiring, caller: Principal, success: int, session: AsyncSession, claim: Claim) -> Answer | None:
    """The answer by a command's stored outcome, when it has one. Raises the refusal that it ended in."""
    view = await earlier_answer(session, claim.request_id)
    return None if view is None else answer(shown(wired, caller, view), success)


async def outcome(wired: Wiring, caller: Principal, claim: Claim, success: int) -> Answer:
    """The answer to a command that was sent: its stored outcome, or 202 with where to look."""
    async with wired.database.transaction() as session:
        recalled = await recall(wired, caller, success, session, claim)
        if recalled is not None:
            return recalled
        current = await order_view(session, claim.resource_id)
    if current is not None:
        return answer(shown(wired, caller, current), 202)
    waiting = AcceptedOrder(
        id=claim.resource_id,
        created=claim.created,
        buyer_id=caller.account_id,
        workflow=_link(wired, claim.resource_id),
    )
    return answer(waiting, 202)


async def not_running(wired: Wiring, caller: Principal, order_id: str) -> HoldfastError:
    """The refusal of a command whose order has no running workflow: it has ended, or is not started yet."""
    async with wired.database.transaction() as session:
        order = await found(session, caller, order_id)
    return OrderBusy(step="placement") if isinstance(order, AcceptedOrder) else OrderClosed(status=order.status)


def answer(order: OrderView | AcceptedOrder, status: int) -> Answer:
    """The order as an HTTP answer; created and accepted ones say where they are."""
    headers = {"Location": f"/v1/orders/{order.id}"} if status in {201, 202} else {}
    return Answer(status=status, body=order.model_dump_json().encode(), headers=headers)


def _may_see(caller: Principal, buyer_id: str, seller_ids: Iterable[str]) -> bool:
    match caller.role:
        case Role.ADMIN:
            return True
        case Role.BUYER:
            return buyer_id == caller.account_id
        case Role.SELLER:
            return caller.account_id in seller_ids


def _link(wired: Wiring, order_id: str) -> WorkflowLink:
    identity = order_workflow_id(order_id)
    url = None
    if wired.temporal_ui_url:
        namespace = wired.temporal.namespace
        url = f"{wired.temporal_ui_url}/namespaces/{namespace}/workflows/{quote(identity, safe='')}"
    return WorkflowLink(id=identity, url=url)
