"""The launcher of the Temporal dev server, on real servers."""

import os
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from signal import SIGKILL

import pytest
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError

from sandbox.ports import free_ports
from sandbox.readiness import answers
from sandbox.temporal import TemporalServer
from tests.sandbox.waiting import alive


def server_on(directory: Path, *, persistent: bool = True, **search_attributes: str) -> TemporalServer:
    port, ui_port = free_ports(2)
    return TemporalServer(
        directory, port=port, ui_port=ui_port, search_attributes=search_attributes, persistent=persistent
    )


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[TemporalServer]:
    running = server_on(tmp_path / "temporal", OrderStatus="Keyword")
    await running.start()
    yield running
    await running.stop()


async def start_workflow(client: Client) -> None:
    await client.start_workflow("Any", id="order/1", task_queue="nobody", execution_timeout=timedelta(minutes=5))


async def attributes_of(server: TemporalServer) -> dict[str, IndexedValueType.ValueType]:
    client = await Client.connect(server.address, namespace=server.namespace)
    known = await client.operator_service.list_search_attributes(ListSearchAttributesRequest(namespace="holdfast"))
    return dict(known.custom_attributes)


async def test_once_started_its_namespace_search_attributes_and_web_ui_answer(server: TemporalServer) -> None:
    client = await Client.connect(server.address, namespace="holdfast")

    count = await client.count_workflows("OrderStatus = 'paid'")

    assert count.count == 0
    assert await answers(f"{server.ui}/")()


async def test_workflows_survive_kill_9(server: TemporalServer) -> None:
    client = await Client.connect(server.address, namespace="holdfast")
    await start_workflow(client)
    killed = server.pid

    os.kill(killed, SIGKILL)
    assert await server.wait() == -SIGKILL
    await server.start()

    assert server.pid != killed
    description = await client.get_workflow_handle("order/1").describe()
    assert description.status is WorkflowExecutionStatus.RUNNING


async def test_a_search_attribute_is_added_to_data_that_did_not_know_it(tmp_path: Path) -> None:
    before = server_on(tmp_path, OrderStatus="Keyword")
    await before.start()
    await before.stop()

    after = server_on(tmp_path, OrderStatus="Keyword", AmountMinor="Int")
    await after.start()

    assert await attributes_of(after) == {
        "OrderStatus": IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
        "AmountMinor": IndexedValueType.INDEXED_VALUE_TYPE_INT,
    }
    await after.stop()


async def test_in_memory_it_forgets_and_leaves_no_file_but_its_log(tmp_path: Path) -> None:
    server = server_on(tmp_path, persistent=False)
    await server.start()
    await start_workflow(await Client.connect(server.address, namespace="holdfast"))
    await server.stop()

    await server.start()

    client = await Client.connect(server.address, namespace="holdfast")
    with pytest.raises(RPCError, match="not found"):
        await client.get_workflow_handle("order/1").describe()
    await server.stop()
    assert [file.name for file in sorted(server.directory.iterdir())] == ["temporal.log"]


async def test_stopping_ends_the_process(tmp_path: Path) -> None:
    server = server_on(tmp_path)
    await server.start()
    assert alive(server.pid)

    await server.stop()

    assert not alive(server.pid)
