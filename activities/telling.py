"""Tells workflows what they may not know: a refund that its provider has news, an order what people told it before."""

import asyncio
from collections.abc import Iterable
from itertools import groupby
from operator import attrgetter

from db import commands, refunds
from db.commands import Owed
from db.session import Database
from domain.errors import WorkflowsUnavailable
from domain.sweep import Waker

# How many orders are told at once.
_AT_ONCE = 8


async def tell_refund(database: Database, waker: Waker, refund_id: str) -> bool:
    """Whether anybody was there to be told, or was started: one that has ended is begun again, to look once more.

    Raises WorkflowsUnavailable.
    A refund can fail after it was paid: https://docs.stripe.com/refunds#failed-refunds
    """
    if await waker.refund(refund_id):
        return True
    async with database.transaction() as session:
        known = await refunds.to_be_carried_on(session, refund_id, correlation_id=f"recheck {refund_id}")
    if known is not None:
        await waker.recheck(known)
    return known is not None


async def tell_commands(database: Database, waker: Waker, owed: Iterable[Owed]) -> set[str]:
    """Send commands again that Temporal may have forgotten, each order's in their order; the request ids it has by now.

    A worker that dies between a command's fact and its workflow task leaves a workflow that does not know of it: an
    update is durable once it stands in the history, and not before.
    """
    free = asyncio.Semaphore(_AT_ONCE)

    async def one(of_order: list[Owed]) -> set[str]:
        async with free:
            return await _tell_in_turn(database, waker, of_order)

    by_order = groupby(sorted(owed, key=attrgetter("order_id")), key=attrgetter("order_id"))
    return set().union(*await asyncio.gather(*[one(list(of_order)) for _, of_order in by_order]))


async def _tell_in_turn(database: Database, waker: Waker, owed: Iterable[Owed]) -> set[str]:
    """One order's, until it can't take one."""
    told: set[str] = set()
    for each in owed:
        request_id = each.command.request_id
        async with database.transaction() as session:
            # Its caller may have repeated it meanwhile, and have been told no.
            if not await commands.is_owed(session, request_id):
                continue
        try:
            kept = await waker.command(each.order_id, each.verb, each.command)
        except WorkflowsUnavailable:
            kept = False
        if not kept:
            break
        async with database.transaction() as session:
            await commands.owe(session, request_id, owed=False)
        told.add(request_id)
    return told
