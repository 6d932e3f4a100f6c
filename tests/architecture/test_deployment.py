"""What people deploy with: the compose file is valid and has everything, the Dockerfile passes its linter."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from settings import Settings
from workflows.names import SEARCH_ATTRIBUTES

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "deploy" / "compose"
NEEDED = {"postgres", "temporal", "temporal-ui", "mail", "migrate", "api", "worker"}
OURS = {"migrate", "api", "worker", "stripe"}


def tool(name: str) -> str:
    """A program that came with a package of ours."""
    found = shutil.which(name, path=str(Path(sys.executable).parent))
    assert found is not None, name
    return found


def asked_for() -> list[str]:
    """What the example file leaves to be filled in."""
    return re.findall(r"^(\w+)=$", (COMPOSE / "example.env").read_text(), re.MULTILINE)


def composed(*, filled: bool = True) -> subprocess.CompletedProcess[str]:
    secrets = dict.fromkeys(asked_for(), "secret") if filled else {}
    inherited = {name: value for name, value in os.environ.items() if name not in asked_for()}
    return subprocess.run(
        [tool("docker-compose"), "--file", "docker-compose.yml", "--env-file", "deploy/compose/example.env",
         "--profile", "simulators", "config", "--format", "json"],
        cwd=ROOT, env={**inherited, **secrets}, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    told = composed()
    assert told.returncode == 0, told.stderr
    document: dict[str, Any] = json.loads(told.stdout)
    return dict(document["services"])


def test_the_compose_file_has_everything_and_all_of_it_is_looked_after(services: dict[str, Any]) -> None:
    assert set(services) >= NEEDED
    for name, service in services.items():
        lasts = service["restart"] == "unless-stopped"
        assert not lasts or "healthcheck" in service or name == "temporal-ui", name


def test_our_own_containers_run_without_privileges(services: dict[str, Any]) -> None:
    for name in OURS:
        service = services[name]
        assert (service["user"], service["read_only"], service["cap_drop"]) == ("10001", True, ["ALL"]), name


def test_nothing_but_the_api_is_reached_from_other_machines(services: dict[str, Any]) -> None:
    for name, service in services.items():
        hosts = {port.get("host_ip") for port in service.get("ports", ())}
        assert name == "api" or hosts <= {"127.0.0.1"}, name


def test_every_setting_that_is_passed_exists(services: dict[str, Any]) -> None:
    known = {f"HOLDFAST_{name}".upper() for name in Settings.model_fields}
    for name in OURS - {"stripe"}:
        passed = {each for each in services[name]["environment"] if each.startswith("HOLDFAST_")}
        assert passed <= known, name


def test_every_setting_of_the_readme_can_be_made(services: dict[str, Any]) -> None:
    named = set(re.findall(r"`(HOLDFAST_[A-Z_]+)`", (ROOT / "README.md").read_text()))
    of_processes = {"HOLDFAST_MIGRATION_DATABASE_URL", "HOLDFAST_COOKIE_SECURE"}
    listeners = {name for name in named if name.endswith("_METRICS_ADDRESS")}

    assert named - services["worker"]["environment"].keys() <= of_processes | listeners


def test_mails_go_to_the_inbox_until_another_server_is_set(services: dict[str, Any]) -> None:
    for name in ("api", "worker"):
        environment = services[name]["environment"]
        assert (environment["HOLDFAST_SMTP_HOST"], environment["HOLDFAST_SMTP_PORT"]) == ("mail", "1025")


def test_without_its_secrets_nothing_starts() -> None:
    told = composed(filled=False)

    assert told.returncode != 0
    assert "set it in .env" in told.stderr


def test_the_namespace_gets_the_search_attributes_that_workflows_set() -> None:
    script = (COMPOSE / "temporal-namespace.sh").read_text()

    assert dict(re.findall(r"\b(\w+):(Keyword|Int|Bool)\b", script)) == SEARCH_ATTRIBUTES


@pytest.mark.parametrize("script", sorted(COMPOSE.glob("*.sh")), ids=lambda path: path.name)
def test_a_script_is_valid_shell(script: Path) -> None:
    subprocess.run(["/bin/sh", "-n", str(script)], check=True)


def test_the_dockerfile_passes_its_linter() -> None:
    told = subprocess.run(
        [tool("hadolint"), "--no-color", str(ROOT / "Dockerfile")], capture_output=True, text=True, check=False
    )

    assert (told.returncode, told.stdout) == (0, "")
