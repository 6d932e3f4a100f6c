"""`python -m benchmarks.worker`: the workers with a stub provider, and the flows that orders are measured beside."""

import asyncio
import signal
import sys

from temporalio.worker import Worker

import worker as workers
from benchmarks.flows.empty import EmptyWorkflow
from benchmarks.flows.noop import NoopWorkflow
from benchmarks.flows.tailed import TailedOrderWorkflow
from benchmarks.steps import StubGateway, nap, nothing, nothing_at_provider
from db.session import Database
from settings import Settings
from workflows.connecting import connect


async def main() -> None:
    settings = Settings()
    database = Database(settings.database_url.get_secret_value(), pool_size=settings.database_pool_size)
    client = await connect()
    running: list[Worker] = [
        workers.orders_worker(
            client, database, more_workflows=[EmptyWorkflow, NoopWorkflow, TailedOrderWorkflow], more_steps=[nothing]
        ),
        workers.provider_worker(client, {"stripe": StubGateway()}, "stripe", more=[nothing_at_provider, nap]),
    ]
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    tasks = [asyncio.create_task(each.run()) for each in running]
    workers.settle_heap()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await stop.wait()
    for task in tasks:
        task.cancel()


if __name__ == "__main__":
    asyncio.run(main())
