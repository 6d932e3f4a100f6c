"""What the stack consists of: every part's program, environment, readiness and needs."""

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial

from providers.chain.deployments import Deployment
from sandbox.chain import CHAIN_ID, ChainNode
from sandbox.children import Child, Program
from sandbox.data_directory import DataDirectory
from sandbox.kept_secrets import KeptSecrets
from sandbox.ports import LOOPBACK, Ports
from sandbox.postgres import Postgres
from sandbox.readiness import answers, present
from sandbox.ready import Account, Accounts, Chain, Mail, Pids, Ready, Temporal
from sandbox.supervisor import Part
from sandbox.temporal import TemporalServer
from settings import RateSettings
from workflows.names import SEARCH_ATTRIBUTES

# The user's own Temporal profile or database must not reach into the sandbox.
_NOT_INHERITED = ("TEMPORAL_", "PG", "DATABASE_URL")
# Counted and told as anywhere else, and never reached: one buyer does what a shop's thousands do.
_PLENTY = json.dumps(dict.fromkeys(RateSettings.model_fields, "1000000/minute"))
# Long enough for a payment call under way to end, and for the request that waits for it.
_GRACE = 20.0


@dataclass(frozen=True)
class Blueprint:
    """`extra` joins the environment of our own programs; `durable` is for data that must outlive a power cut."""

    directory: DataDirectory
    ports: Ports
    durable: bool
    extra: Mapping[str, str]

    @cached_property
    def postgres(self) -> Postgres:
        return Postgres(self.directory.postgres, port=self.ports.postgres, durable=self.durable)

    @cached_property
    def temporal(self) -> TemporalServer:
        return TemporalServer(
            self.directory.temporal,
            port=self.ports.temporal,
            ui_port=self.ports.temporal_ui,
            search_attributes=SEARCH_ATTRIBUTES,
        )

    @cached_property
    def chain(self) -> ChainNode:
        return ChainNode(self.directory.chain, port=self.ports.chain, contracts=self.directory.deployments)

    @property
    def api(self) -> str:
        return f"http://{LOOPBACK}:{self.ports.api}"

    @property
    def stripe(self) -> str:
        return f"http://{LOOPBACK}:{self.ports.stripe}"

    @property
    def inbox(self) -> str:
        return f"http://{LOOPBACK}:{self.ports.inbox}"

    @cached_property
    def _secrets(self) -> KeptSecrets:
        return KeptSecrets(self.directory.secrets)

    def parts(self) -> tuple[Part, ...]:
        return (
            Part(self.postgres),
            Part(self._migrate(), after=("postgres",)),
            Part(self.temporal),
            Part(self.chain),
            Part(Child(self._stripe())),
            Part(Child(self._mail())),
            Part(self._seed(), after=("migrate",)),
            Part(Child(self._worker()), after=("migrate", "temporal", "stripe", "mail")),
            # Stopped before the worker, so that calls in flight are still answered.
            Part(Child(self._api()), after=("worker",)),
        )

    def where(self, name: str) -> str:
        """The address of a part, empty for one that has none."""
        places = {
            "api": self.api,
            "temporal": self.temporal.ui,
            "postgres": f"{LOOPBACK}:{self.ports.postgres}",
            "chain": self.chain.rpc,
            "stripe": self.stripe,
            "mail": self.inbox,
        }
        return places.get(name, "")

    def ready(self, pids: Mapping[str, int]) -> Ready:
        password = self._demo_password
        who = {role: Account(email=f"{role}@example.com", password=password) for role in Accounts.model_fields}
        temporal = self.temporal
        return Ready(
            api=self.api,
            temporal=Temporal(address=temporal.address, namespace=temporal.namespace, ui=temporal.ui),
            database=self.postgres.app_dsn,
            chain=self._contracts(),
            stripe=self.stripe,
            mail=Mail(smtp=f"{LOOPBACK}:{self.ports.smtp}", inbox=self.inbox),
            accounts=Accounts(**who),
            pids=Pids(**pids),
        )

    def _contracts(self) -> Chain:
        deployment = Deployment.of(self.directory.deployments, CHAIN_ID)
        # It is written before the chain is ready.
        assert deployment is not None
        return Chain(rpc=self.chain.rpc, chain_id=CHAIN_ID, **deployment.addresses.model_dump())

    def _migrate(self) -> Program:
        return self._ours("migrate", env={"HOLDFAST_MIGRATION_DATABASE_URL": self.postgres.owner_dsn})

    def _seed(self) -> Program:
        return self._ours("seed", "--demo", env={"HOLDFAST_DEMO_PASSWORD": self._demo_password})

    def _worker(self) -> Program:
        mark = self.directory.worker_ready
        program = self._ours("worker", "--ready-file", str(mark))
        return replace(program, clear=partial(mark.unlink, missing_ok=True), ready=present(mark))

    def _api(self) -> Program:
        program = self._ours("api", "--port", str(self.ports.api))
        return replace(program, ready=answers(f"{self.api}/health/ready"))

    def _stripe(self) -> Program:
        return Program(
            name="stripe",
            argv=(
                *(sys.executable, "-P", "-m", "sandbox.stripe", "--port", str(self.ports.stripe)),
                *("--webhook-url", f"{self.api}/v1/webhooks/stripe"),
                *("--webhook-secret", self._webhook_secret),
                *("--state", str(self.directory.stripe_state)),
            ),
            log=self.directory.logs / "stripe.log",
            ready=answers(f"{self.stripe}/_sandbox/state"),
            env=self._inherited(),
        )

    def _mail(self) -> Program:
        ports = ("--port", str(self.ports.inbox), "--smtp-port", str(self.ports.smtp))
        return Program(
            name="mail",
            argv=(sys.executable, "-P", "-m", "sandbox.mail", *ports),
            log=self.directory.logs / "mail.log",
            ready=answers(f"{self.inbox}/_sandbox/state"),
            env=self._inherited(),
        )

    def _ours(self, command: str, *arguments: str, env: Mapping[str, str] | None = None) -> Program:
        return Program(
            name=command,
            argv=(sys.executable, "-P", "-m", "cli", command, *arguments),
            log=self.directory.logs / f"{command}.log",
            grace=_GRACE,
            env={**self._inherited(), **self._settings(), **(env or {})},
        )

    def _settings(self) -> dict[str, str]:
        return {
            "DATABASE_URL": self.postgres.app_dsn,
            "TEMPORAL_ADDRESS": self.temporal.address,
            "TEMPORAL_NAMESPACE": self.temporal.namespace,
            "HOLDFAST_TEMPORAL_UI_URL": self.temporal.ui,
            "HOLDFAST_STRIPE_API_BASE": self.stripe,
            "HOLDFAST_STRIPE_API_KEY": self._secrets.get("stripe_api_key", prefix="sk_test_"),
            "HOLDFAST_STRIPE_WEBHOOK_SECRETS": json.dumps([self._webhook_secret]),
            "HOLDFAST_SMTP_HOST": LOOPBACK,
            "HOLDFAST_SMTP_PORT": str(self.ports.smtp),
            "HOLDFAST_SMTP_TLS": "none",
            "HOLDFAST_MAIL_FROM": "shop@holdfast.example",
            "HOLDFAST_RATE_LIMITS": _PLENTY,
            "HOLDFAST_JWT_SECRET": self._secrets.get("jwt_secret", length=48),
            "HOLDFAST_COOKIE_SECURE": "false",
        }

    def _inherited(self) -> dict[str, str]:
        ours = {name: value for name, value in os.environ.items() if not name.startswith(_NOT_INHERITED)}
        if ours.pop("PYTHONDONTWRITEBYTECODE", ""):
            # Keeps its promise, for nothing is written beside the sources; without any cache each of our programs
            # compiles all it imports, seconds at every start and restart.
            ours["PYTHONPYCACHEPREFIX"] = str(self.directory.bytecode)
        return {**ours, "PYTHONUNBUFFERED": "1", "TEMPORAL_CONFIG_FILE": os.devnull, **self.extra}

    @property
    def _webhook_secret(self) -> str:
        return self._secrets.get("stripe_webhook_secret", prefix="whsec_")

    @property
    def _demo_password(self) -> str:
        return self._secrets.get("demo_password", length=12)
