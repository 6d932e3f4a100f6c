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
OURS = {"migrate", "api", "worker", "doctor", "stripe"}
# What whoever has it can move money, sign in as anybody, or send mails in the shop's name with.
SECRETS = {
    "HOLDFAST_JWT_SECRET", "HOLDFAST_JWT_KEYS", "HOLDFAST_METRICS_TOKEN", "HOLDFAST_MIGRATION_DATABASE_URL",
    "HOLDFAST_RATE_LIMIT_STORE", "HOLDFAST_SMTP_USERNAME", "HOLDFAST_SMTP_PASSWORD", "HOLDFAST_STRIPE_API_KEY",
    "HOLDFAST_STRIPE_WEBHOOK_SECRETS",
}  # fmt: skip


def tool(name: str) -> str:
    """A program that came with a package of ours."""
    found = shutil.which(name, path=str(Path(sys.executable).parent))
    assert found is not None, name
    return found


def asked_for() -> list[str]:
    """What the example file leaves to be filled in."""
    return re.findall(r"^(\w+)=$", (COMPOSE / "example.env").read_text(), re.MULTILINE)


def composed(*, filled: bool = True, **chosen: str) -> subprocess.CompletedProcess[str]:
    """What compose makes of a copy of the example file in which its blanks are `filled`; `chosen` stands above it."""
    secrets = {name: '["secret"]' if name.endswith("_SECRETS") else "secret" for name in asked_for() if filled}
    inherited = {name: value for name, value in os.environ.items() if name not in asked_for()}
    return subprocess.run(
        [tool("docker-compose"), "--file", "docker-compose.yml", "--env-file", "deploy/compose/example.env",
         "--profile", "simulators", "--profile", "tools", "config", "--format", "json"],
        cwd=ROOT, env={**inherited, **secrets, **chosen}, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    return described(composed())


def described(told: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert told.returncode == 0, told.stderr
    document: dict[str, Any] = json.loads(told.stdout)
    return dict(document["services"])


def read_by(service: dict[str, Any]) -> Settings:
    """The settings as a process of the service reads them: what is empty is not set."""
    passed = {name: value for name, value in service["environment"].items() if value and name.startswith("HOLDFAST_")}
    fields = {name.removeprefix("HOLDFAST_").lower(): value for name, value in passed.items()}
    lists = {name: json.loads(value) for name, value in fields.items() if value.startswith("[")}
    return Settings.model_validate({"database_url": service["environment"]["DATABASE_URL"], **fields, **lists})


def test_the_compose_file_has_everything_and_all_of_it_is_looked_after(services: dict[str, Any]) -> None:
    assert set(services) >= NEEDED
    for name, service in services.items():
        lasts = service["restart"] == "unless-stopped"
        assert not lasts or "healthcheck" in service or name == "temporal-ui", name


def test_our_own_containers_run_without_privileges(services: dict[str, Any]) -> None:
    for name in OURS:
        service = services[name]
        assert (service["user"], service["read_only"], service["cap_drop"]) == ("10001", True, ["ALL"]), name


def test_nothing_is_reached_from_other_machines_until_somebody_wants_it(services: dict[str, Any]) -> None:
    opened = described(composed(HOLDFAST_BIND="0.0.0.0"))  # noqa: S104 - what is tested

    for name, service in services.items():
        assert {port.get("host_ip") for port in service.get("ports", ())} <= {"127.0.0.1"}, name
        hosts = {port.get("host_ip") for port in opened[name].get("ports", ())}
        assert hosts <= {"127.0.0.1"} if name != "api" else hosts == {"0.0.0.0"}, name  # noqa: S104 - as above


def test_each_service_has_the_secrets_that_it_needs_and_no_other(services: dict[str, Any]) -> None:
    of_api = {
        "HOLDFAST_JWT_SECRET", "HOLDFAST_JWT_KEYS", "HOLDFAST_METRICS_TOKEN", "HOLDFAST_RATE_LIMIT_STORE",
        "HOLDFAST_STRIPE_WEBHOOK_SECRETS",
    }  # fmt: skip
    of_worker = {"HOLDFAST_SMTP_USERNAME", "HOLDFAST_SMTP_PASSWORD", "HOLDFAST_STRIPE_API_KEY"}

    held = {name: SECRETS & service.get("environment", {}).keys() for name, service in services.items()}

    assert {name: secrets for name, secrets in held.items() if secrets} == {
        "api": of_api,
        "worker": of_worker,
        "doctor": of_api | of_worker,
        "migrate": {"HOLDFAST_MIGRATION_DATABASE_URL"},
    }


def test_every_setting_that_is_passed_exists(services: dict[str, Any]) -> None:
    known = {f"HOLDFAST_{name}".upper() for name in Settings.model_fields}
    for name in OURS - {"stripe"}:
        passed = {each for each in services[name]["environment"] if each.startswith("HOLDFAST_")}
        assert passed <= known, name


def test_every_setting_of_the_readme_can_be_made(services: dict[str, Any]) -> None:
    named = set(re.findall(r"`(HOLDFAST_[A-Z_]+)`", (ROOT / "README.md").read_text()))
    of_processes = {"HOLDFAST_MIGRATION_DATABASE_URL", "HOLDFAST_COOKIE_SECURE"}

    passed = services["worker"]["environment"].keys() | services["api"]["environment"].keys()
    assert named - passed <= of_processes


def test_a_fresh_copy_of_the_example_sends_mails_to_the_inbox(services: dict[str, Any]) -> None:
    sender = read_by(services["worker"])

    assert (sender.smtp_host, sender.smtp_port, sender.smtp_tls) == ("mail", 1025, "none")
    assert read_by(services["api"]).smtp_host == "mail"
    assert read_by(services["doctor"]).smtp_host == "mail"


def test_a_server_of_one_s_own_is_spoken_to_in_secret_unless_said_otherwise() -> None:
    own = composed(
        HOLDFAST_SMTP_HOST="smtp.example",
        HOLDFAST_SMTP_PORT="",
        HOLDFAST_SMTP_TLS="",
        HOLDFAST_SMTP_USERNAME="shop",
        HOLDFAST_SMTP_PASSWORD="x",
    )

    sender = read_by(described(own)["worker"])

    assert (sender.smtp_host, sender.smtp_port, sender.smtp_tls) == ("smtp.example", 587, "starttls")


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
