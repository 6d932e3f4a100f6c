"""`holdfast chain` as whoever sets up a deployment uses it, on a chain of its own."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result
from web3.types import RPCEndpoint

from cli.root import app
from providers.chain.node import connected
from sandbox.chain import ACCOUNTS, CHAIN_ID, ChainNode
from sandbox.ports import free_port
from tests.support.offices import ADMIN, HEIR, STRANGER

NAMED = tuple(
    word
    for role in ("operator", "anchorer", "fee_recipient")
    for word in (f"--{role.replace('_', '-')}", ACCOUNTS[role].address)
)
DEPLOY = ("deploy", *NAMED, "--test-token", "--admin-delay", "3")


@dataclass(frozen=True)
class Shell:
    """Where a deployment's settings are in the environment."""

    rpc: str
    settings: Mapping[str, str]

    def chain(self, *arguments: str, given: str | None = None, **more: str) -> Result:
        ran = CliRunner().invoke(app, ["chain", *arguments], input=given, env={**self.settings, **more})
        assert ran.exception is None or isinstance(ran.exception, SystemExit), ran.exc_info
        return ran

    def node(self, method: str, *arguments: object) -> None:
        async def asked() -> None:
            async with connected(self.rpc, CHAIN_ID) as node:
                await node.web3.provider.make_request(RPCEndpoint(method), arguments)

        asyncio.run(asked())


@pytest.fixture
async def shell(tmp_path: Path) -> AsyncIterator[Shell]:
    chain = ChainNode(tmp_path / "chain", port=free_port(), persistent=False)
    await chain.start()
    settings = {
        "HOLDFAST_CHAIN_RPC_URL": chain.rpc,
        "HOLDFAST_CHAIN_ID": str(CHAIN_ID),
        "HOLDFAST_CHAIN_DEPLOYMENTS": str(tmp_path / "deployments"),
        "HOLDFAST_CHAIN_DEPLOYER_PRIVATE_KEY": ADMIN.key,
    }
    yield Shell(chain.rpc, settings)
    await chain.stop()


def document(ran: Result, status: int = 0) -> Any:
    assert ran.exit_code == status, ran.stderr
    return json.loads(ran.stdout)


def test_what_is_deployed_is_told_written_down_and_found_again(shell: Shell, tmp_path: Path) -> None:
    first = shell.chain(*DEPLOY)
    second = shell.chain("deploy", "--json")
    info = shell.chain("info", "--json")

    addresses = document(second)["addresses"]
    assert len(first.stderr.splitlines()) == 7
    assert second.stderr == ""
    assert all(address in first.stdout for address in addresses.values())
    assert (tmp_path / "deployments" / f"{CHAIN_ID}.json").exists()
    assert [each["address"] for each in document(info)["contracts"]] == list(addresses.values())
    assert document(info)["roles"][0] == {
        "role": "operator",
        "address": ACCOUNTS["operator"].address,
        "on_record": True,
        "holds": True,
        "balance": 10_000 * 10**18,
    }


def test_info_is_for_people_and_fails_where_something_is_not_as_on_record(shell: Shell, tmp_path: Path) -> None:
    shell.chain(*DEPLOY)
    right = shell.chain("info")
    record = tmp_path / "deployments" / f"{CHAIN_ID}.json"
    kept = record.read_text()
    record.write_text(kept.replace(ACCOUNTS["operator"].address, STRANGER))

    wrong = shell.chain("info")
    record.write_text(kept.replace(ACCOUNTS["fee_recipient"].address, STRANGER))
    elsewhere = shell.chain("info")
    record.write_text("{")
    unreadable = shell.chain("info")

    assert (right.exit_code, wrong.exit_code, elsewhere.exit_code, unreadable.exit_code) == (0, 1, 1, 1)
    assert "which is not on record" in elsewhere.stdout
    assert str(record) in unreadable.stderr
    assert f"operator {ACCOUNTS['operator'].address}, 10000.0000 ether" in right.stdout
    assert "does not have the role" in wrong.stdout
    assert f"operator {ACCOUNTS['operator'].address}, which is not on record" in wrong.stdout


def test_a_key_from_a_keystore_signs(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "deployer.json"
    keystore = {
        "HOLDFAST_CHAIN_DEPLOYER_KEYSTORE": str(file),
        "HOLDFAST_CHAIN_DEPLOYER_KEYSTORE_PASSWORD": "correct horse battery",
        "HOLDFAST_CHAIN_DEPLOYER_PRIVATE_KEY": "",
    }

    made = shell.chain("new-key", str(file), given="correct horse battery\n")
    poor = shell.chain(*DEPLOY, **keystore)
    shell.node("anvil_setBalance", made.stdout.strip(), hex(10**18))
    rich = shell.chain(*DEPLOY, **keystore)
    shut = shell.chain(*DEPLOY, **{**keystore, "HOLDFAST_CHAIN_DEPLOYER_KEYSTORE_PASSWORD": "battery staple"})
    again = shell.chain("new-key", str(file), given="battery staple\n")
    short = shell.chain("new-key", str(file.with_name("short.json")), given="\n")

    assert poor.stderr.startswith(f"{made.stdout.strip()} has 0 wei")
    assert (poor.exit_code, rich.exit_code, shut.exit_code, again.exit_code) == (1, 0, 1, 2)
    assert "another password" in shut.stderr
    assert "exists" in again.stderr
    assert (short.exit_code, "12 characters" in short.stderr) == (1, True)
    assert "correct horse" not in poor.output + rich.output + shut.output


def test_the_office_is_handed_over(shell: Shell) -> None:
    shell.chain(*DEPLOY)

    named = shell.chain("hand-over", HEIR.address)
    early = shell.chain("accept", HOLDFAST_CHAIN_DEPLOYER_PRIVATE_KEY=HEIR.key)
    shell.node("anvil_mine", "0x1", "0x5")
    accepted = shell.chain("accept", HOLDFAST_CHAIN_DEPLOYER_PRIVATE_KEY=HEIR.key)
    again = shell.chain("accept", HOLDFAST_CHAIN_DEPLOYER_PRIVATE_KEY=HEIR.key)
    otherwise = shell.chain("deploy", "--admin", HEIR.address)
    former = shell.chain("deploy", "--pauser", HEIR.address, "--json")

    assert (named.exit_code, early.exit_code, accepted.exit_code) == (0, 1, 0), accepted.stderr
    assert f"{HEIR.address} may accept to be the Escrow's admin after" in named.stderr
    assert "may accept after" in early.stderr
    assert "nothing to do" in again.stderr
    assert (otherwise.exit_code, "hand-over" in otherwise.stderr) == (1, True)
    assert [each["sender"] for each in document(former, 1)["owed"]] == [HEIR.address] * 2


def test_a_run_that_failed_is_said_once_more_without_its_options(shell: Shell) -> None:
    failed = shell.chain(*DEPLOY, HOLDFAST_CHAIN_FEE_LIMIT="1000")
    second = shell.chain("deploy")

    assert (failed.exit_code, second.exit_code) == (1, 0), second.stderr
    assert "fee" in failed.stderr
    assert shell.chain("info").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "settings", "status", "word"),
    [
        (("deploy",), {}, 1, "operator"),
        (("deploy", "--operator", "0x12"), {}, 2, "EIP-55"),
        (("deploy", "--operator", f"0x{0:040}"), {}, 2, "nobody's"),
        ((*DEPLOY, "--token", STRANGER, "--no-tokens"), {}, 2, "contradict"),
        ((*DEPLOY, "--token", STRANGER), {}, 1, "no token"),
        (("info",), {}, 2, "no record"),
        (("info",), {"HOLDFAST_CHAIN_RPC_URL": ""}, 2, "missing: HOLDFAST_CHAIN_RPC_URL"),
        (("info",), {"HOLDFAST_CHAIN_RPC_URL": "127.0.0.1"}, 2, "wrong: HOLDFAST_CHAIN_RPC_URL"),
        (("info",), {"HOLDFAST_CHAIN_DEPLOYER_KEY": "0x12"}, 2, "HOLDFAST_CHAIN_DEPLOYER"),
        (DEPLOY, {"HOLDFAST_CHAIN_ID": "1", "HOLDFAST_CHAIN_DEPLOYER_PRIVATE_KEY": "0x" + "17" * 32}, 1, "31337"),
        (DEPLOY, {"HOLDFAST_CHAIN_ID": "1"}, 1, "Everybody knows"),
        (DEPLOY, {"HOLDFAST_CHAIN_DEPLOYER_PRIVATE_KEY": "0x12"}, 1, "key"),
        (DEPLOY, {"HOLDFAST_CHAIN_DEPLOYER_PRIVATE_KEY": ""}, 1, "neither"),
        (DEPLOY, {"HOLDFAST_CHAIN_DEPLOYER_KEYSTORE": "x.json"}, 1, "only one"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_done(
    shell: Shell, tmp_path: Path, arguments: tuple[str, ...], settings: dict[str, str], status: int, word: str
) -> None:
    ran = shell.chain(*arguments, **settings)

    assert ran.exit_code == status, ran.output
    assert word in ran.stderr
    assert ADMIN.key not in ran.output
    assert {each.name for each in tmp_path.glob("deployments/*")} <= {f"{CHAIN_ID}.lock"}
