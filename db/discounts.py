"""The one writer of discounts and of their uses: a use is held with its order's placement and ends with the order.

Who changes uses locks the discount first: limits are counted under that lock. It comes before stock in the order of
locks, and after an order and its payment.
"""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import bindparam, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from db.tables import Discount, DiscountUse
from domain.discounts import COUNTED, USE_MOVES, DiscountTerms, Inapplicable, UseState
from domain.errors import DiscountNotApplicable, DiscountUsedUp


class Applied(NamedTuple):
    """A code that one order may use: its terms, and its row under lock."""

    terms: DiscountTerms
    row: Discount


async def terms_of(session: AsyncSession, code: str, buyer_id: str) -> DiscountTerms:
    """What a code would take off now, for this buyer; nothing is held.

    Raises DiscountNotApplicable for a code that does not exist, DiscountUsedUp.
    """
    return (await _found(session, code, buyer_id)).terms


async def apply(session: AsyncSession, code: str, buyer_id: str) -> Applied:
    """Lock a code for an order that is being placed; `hold` writes the use.

    Raises DiscountNotApplicable for a code that does not exist, DiscountUsedUp.
    """
    return await _found(session, code, buyer_id, lock=True)


def hold(session: AsyncSession, applied: Applied, order_id: str, buyer_id: str, at: datetime) -> None:
    """Hold a use for a new order."""
    applied.row.taken += 1
    session.add(
        DiscountUse(
            order_id=order_id,
            discount_id=applied.row.id,
            buyer_id=buyer_id,
            state=UseState.HELD,
            created=at,
            updated=at,
        )
    )


async def end(session: AsyncSession, order_id: str, to: UseState, at: datetime) -> None:
    """The order has ended, and its use with it; without one there is nothing to do. The order must be locked."""
    found = (await session.execute(_OF_ORDER, {"order": order_id})).one_or_none()
    if found is None or found[0].state is to:
        return
    use, discount = found
    use.state = USE_MOVES.check(use.state, to)
    use.updated = at
    if to not in COUNTED:
        discount.taken -= 1


async def _found(session: AsyncSession, code: str, buyer_id: str, *, lock: bool = False) -> Applied:
    query = select(Discount).where(Discount.code == code)
    row = await session.scalar(query.with_for_update() if lock else query)
    if row is None or not row.active:
        raise DiscountNotApplicable(code=code, reason=Inapplicable.UNKNOWN)
    if row.uses is not None and row.taken >= row.uses:
        raise DiscountUsedUp(code=code, limit="all its uses are taken")
    if row.uses_per_buyer is not None:
        theirs = await session.scalar(_BY_BUYER, {"discount": row.id, "buyer": buyer_id})
        if (theirs or 0) >= row.uses_per_buyer:
            raise DiscountUsedUp(code=code, limit="the buyer has used it")
    return Applied(DiscountTerms.model_validate(row), row)


# Built once, at import: decision 6.
_BY_BUYER = (
    select(func.count())
    .select_from(DiscountUse)
    .where(DiscountUse.discount_id == bindparam("discount"), DiscountUse.buyer_id == bindparam("buyer"))
    .where(DiscountUse.state.in_(COUNTED))
)
_OF_ORDER = (
    select(DiscountUse, Discount)
    .join(Discount, Discount.id == DiscountUse.discount_id)
    .where(DiscountUse.order_id == bindparam("order"))
    .with_for_update()
)
