"""The parts of a deployment: `worker`, `api`, and `sweep`."""

import asyncio
import signal
from pathlib import Path
from typing import Annotated

import typer

from activities import logs
from cli.answers import AsJson, answer
from cli.settled import settings
from settings import Settings
from workflows.connecting import connect
from workflows.schedules import ensure_schedules, sweep_now


def sweep(as_json: AsJson = False) -> None:
    """Have a sweep start at once instead of at the next minute; a running worker does it."""

    async def start() -> list[str]:
        client = await connect()
        await ensure_schedules(client)
        return await sweep_now(client)

    started = asyncio.run(start())
    if as_json:
        answer({"started": started})
    else:
        typer.echo(f"Started: {', '.join(started)}.")


def worker(ready_file: Annotated[Path | None, typer.Option(help="Touched once the workers poll.")] = None) -> None:
    """Run the workers: workflows, their database steps, and the calls to providers."""
    import worker as workers  # noqa: PLC0415 - a second, which only this verb takes

    told = _logged(settings())

    def ready() -> None:
        if ready_file is not None:
            ready_file.touch()

    async def until_stopped() -> None:
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        await workers.run(told, stop, ready)

    asyncio.run(until_stopped())


def api(host: str = "127.0.0.1", port: int = 8080) -> None:
    """Run the HTTP API."""
    from cli import serving  # noqa: PLC0415 - as above

    serving.serve(_logged(settings()), host, port)


def _logged(told: Settings) -> Settings:
    logs.configure(told.log_level)
    return told
