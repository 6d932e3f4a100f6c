"""Which orders a list shows: those that the caller may see, and of them those that were asked for (M9)."""

from typing import Annotated

from fastapi import Query
from pydantic import BaseModel, StringConstraints
from sqlalchemy import ColumnElement, Select, false, select, union_all

from api.deps import Principal
from db.ids import TypeIdColumn
from db.queries import order_number_in
from db.tables import Fulfilment, Order, Payment, Refund
from domain.errors import RoleNotAllowed
from domain.ids import AccountId, number_in
from domain.order_view import told_to_seller
from domain.orders import OrderStatus, Role
from domain.payments import PaymentMethod, PaymentStatus
from domain.values import WORD, Timestamp

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100, pattern=WORD)]


class OrderFilter(BaseModel):
    """Each narrows what the caller would see without it."""

    status: OrderStatus | None = Query(default=None)
    payment_status: PaymentStatus | None = Query(default=None)
    seller: AccountId | None = Query(default=None, description="With goods of this seller; a seller names no other.")
    buyer: AccountId | None = Query(default=None)
    method: PaymentMethod | None = Query(default=None, description="Not for sellers.")
    created_gte: Timestamp | None = Query(default=None)
    created_lte: Timestamp | None = Query(default=None)
    q: Name | None = Query(
        default=None, description="A number or id of the order, its payment or a refund; or a tracking number."
    )

    def applied(self, query: Select[str], caller: Principal) -> Select[str]:
        """Raises RoleNotAllowed for a seller who asks for what only the payment tells."""
        if caller.role is Role.SELLER and self.method is not None:
            raise RoleNotAllowed(role=caller.role)
        return query.where(*_seen_by(caller), *self._asked(caller))

    def _asked(self, caller: Principal) -> list[ColumnElement[bool]]:
        wanted: list[ColumnElement[bool]] = []
        if self.status is not None:
            wanted.append(Order.status == self.status)
        if self.payment_status is not None:
            statuses = _statuses_shown_as(self.payment_status, caller)
            wanted.append(Order.id.in_(select(Payment.order_id).where(Payment.status.in_(statuses))))
        if self.seller is not None:
            # Who else sold something is not told to a seller.
            own = caller.role is not Role.SELLER or self.seller == caller.account_id
            wanted.append(_sold_by(self.seller) if own else false())
        if self.buyer is not None:
            wanted.append(Order.buyer_id == self.buyer)
        if self.method is not None:
            wanted.append(Order.id.in_(select(Payment.order_id).where(Payment.method == self.method)))
        if self.created_gte is not None:
            wanted.append(Order.created >= self.created_gte)
        if self.created_lte is not None:
            wanted.append(Order.created <= self.created_lte)
        if self.q is not None:
            # Not by OR: that would look at every order there is.
            wanted.append(Order.id.in_(union_all(*_named(self.q, caller))))
        return wanted


def _seen_by(caller: Principal) -> list[ColumnElement[bool]]:
    match caller.role:
        case Role.BUYER:
            return [Order.buyer_id == caller.account_id]
        case Role.SELLER:
            return [_sold_by(caller.account_id)]
        case Role.ADMIN:
            return []


def _sold_by(seller_id: str) -> ColumnElement[bool]:
    return Order.id.in_(select(Fulfilment.order_id).where(Fulfilment.seller_id == seller_id))


def _statuses_shown_as(wanted: PaymentStatus, caller: Principal) -> list[PaymentStatus]:
    if caller.role is not Role.SELLER:
        return [wanted]
    return [each for each in PaymentStatus if told_to_seller(each) is wanted]


def _named(text: str, caller: Principal) -> list[Select[str]]:
    """The orders by each way that people name one; a seller knows nothing of its payment, nor of others' parcels."""
    parcels = select(Fulfilment.order_id).where(Fulfilment.tracking_number == text)
    if caller.role is Role.SELLER:
        parcels = parcels.where(Fulfilment.seller_id == caller.account_id)
    ways = [parcels]
    number = order_number_in(text)
    if number is not None:
        ways.append(select(Order.id).where(Order.number == number))
    if _reads(Order.id.type, text):
        ways.append(select(Order.id).where(Order.id == text))
    if caller.role is not Role.SELLER:
        for letter, table in (("P", Payment), ("R", Refund)):
            number = number_in(letter, text)
            if number is not None:
                ways.append(select(table.order_id).where(table.number == number))
            if _reads(table.id.type, text):
                ways.append(select(table.order_id).where(table.id == text))
    return ways


def _reads(kind: object, text: str) -> bool:
    return isinstance(kind, TypeIdColumn) and kind.reads(text)
