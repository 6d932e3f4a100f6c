"""The only reader of the environment. Temporal's own variables are read by `temporalio.envconfig`, as its CLI does, and
those that say how traces are exported (`OTEL_…`) by OpenTelemetry's SDK.
"""

from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, Self

from babel import Locale
from babel.core import UnknownLocaleError
from limits import RateLimitItem, parse
from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    ConfigDict,
    EmailStr,
    Field,
    IPvAnyNetwork,
    SecretStr,
    StringConstraints,
    model_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

from domain.orders import Policy
from domain.sign_in import SignInRules

# The key id of a key that was given as HOLDFAST_JWT_SECRET.
_UNNAMED = "default"


class JwtKey(BaseModel):
    """A signing key of 32 bytes or more, and the id by which tokens say that they are signed with it."""

    kid: str = Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")
    secret: SecretStr


UNLIMITED = "unlimited"


def _rate(said: str) -> str:
    """Raises ValueError for what is no rate."""
    if said != UNLIMITED:
        parse(said)
    return said


def _locale(said: str) -> str:
    """Raises ValueError for a locale that nobody knows."""
    try:
        Locale.parse(said)
    except UnknownLocaleError as unknown:
        raise ValueError(str(unknown)) from None
    return said


def _over_http(said: SecretStr) -> SecretStr:
    """Raises ValueError for what no request can be sent to."""
    if not said.get_secret_value().startswith(("http://", "https://")):
        raise ValueError("it doesn't begin with http:// or https://")
    return said


Rate = Annotated[str, AfterValidator(_rate)]
# As browsers send them in `Origin` (RFC 6454), or `*` for all.
Origin = Annotated[
    str, StringConstraints(pattern=r"^(\*|https?://[a-z0-9.-]+(:[0-9]{1,5})?|https?://\[[0-9a-f:]+\](:[0-9]{1,5})?)$")
]
# host:port to listen on.
Listener = Annotated[str, StringConstraints(pattern=r"^[^:\s]+:[0-9]{1,5}$")]


class RateSettings(BaseModel):
    """`"60/minute"`, `"10/second"`, …, or `"unlimited"`: for every account, and for every address without one."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    account_reads: Rate = "1200/minute"
    account_writes: Rate = "600/minute"
    address_reads: Rate = "600/minute"
    address_writes: Rate = "120/minute"
    discount_codes: Rate = "60/hour"

    def by_quota(self) -> dict[str, RateLimitItem]:
        """What is limited, by the name of the field with dashes."""
        said = self.model_dump()
        return {name.replace("_", "-"): parse(rate) for name, rate in said.items() if rate != UNLIMITED}


class Settings(BaseSettings):
    """Every setting, from `HOLDFAST_…` variables; durations are in seconds."""

    # What is wrong is said without what was given: it may be a secret.
    model_config = SettingsConfigDict(
        env_prefix="HOLDFAST_", frozen=True, env_ignore_empty=True, hide_input_in_errors=True
    )

    database_url: SecretStr = Field(validation_alias=AliasChoices("DATABASE_URL", "HOLDFAST_DATABASE_URL"))
    # A login that owns the schema; without it migrations use the application's.
    migration_database_url: SecretStr | None = None
    database_pool_size: int = Field(default=20, ge=2)

    temporal_ui_url: str | None = None

    stripe_api_key: SecretStr | None = None
    stripe_api_base: str | None = None
    # Newest first; two during a rotation.
    stripe_webhook_secrets: list[SecretStr] = []
    stripe_connect_timeout: float = 3.0
    stripe_read_timeout: float = 10.0

    # What access tokens are signed with: newest first, two during a rotation. Or one, without a name.
    jwt_keys: list[JwtKey] = []
    jwt_secret: SecretStr | None = None
    # A change of role or status counts after this long at the latest.
    access_token_seconds: int = Field(default=15 * 60, gt=0, le=15 * 60)
    sign_in: SignInRules = SignInRules()
    # Off for plain HTTP on one's own machine only.
    cookie_secure: bool = True
    # As browsers name it (https://shop.example), where a proxy hides it.
    public_origin: Annotated[Origin, Field(pattern=r"^[^*]+$")] | None = None
    # Each takes 64 MiB.
    passwords_at_once: int = Field(default=4, gt=0)

    # How long a placing call waits for the first payment attempt before it answers 202.
    answer_budget_seconds: float = Field(default=10.0, gt=0)
    payment_deadline_seconds: int = Field(default=30 * 60, gt=0)
    inspection_window_seconds: int = Field(default=3 * 24 * 3600, ge=0)
    # How long before held money lapses at the provider it is given back, if nothing was shipped.
    capture_margin_seconds: int = Field(default=6 * 3600, ge=0)
    # What is kept of sellers' sales, as a fraction (0.1 is ten percent); an account may have a rate of its own.
    commission_rate: Decimal = Field(default=Decimal(0), ge=0, lt=1, decimal_places=6)
    max_body_bytes: int = 1_000_000

    # Passwords of the three demo accounts; `holdfast seed --demo` wants it.
    demo_password: SecretStr | None = None

    log_level: str = "INFO"

    # Pages of these origins may call the API from a browser.
    cors_origins: list[Origin] = []
    # How long browsers shall come by HTTPS only; set it where the API is behind HTTPS.
    hsts_seconds: int = Field(default=0, ge=0)
    # Networks of our own proxies, whose word on where a call comes from is believed.
    trusted_proxies: list[IPvAnyNetwork] = []
    rate_limits: RateSettings = RateSettings()
    # Where calls are counted: `memory://` for one process, `redis://…` for several.
    rate_limit_store: SecretStr = SecretStr("memory://")

    # What a reader of the API's /metrics presents as its bearer token; without one nobody reads them.
    metrics_token: Annotated[SecretStr, Field(min_length=16)] | None = None
    # Where a worker's metrics, and those of Temporal's SDK in it, are read without a token: host:port each.
    worker_metrics_address: Listener | None = None
    temporal_metrics_address: Listener | None = None
    # Traces are made when a collector is named, by OpenTelemetry's own variables.
    otlp_endpoint: str | None = Field(
        default=None,
        validation_alias=AliasChoices("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"),
    )
    otel_service_name: str | None = Field(default=None, validation_alias="OTEL_SERVICE_NAME")

    # For the proof suites alone: the point of `activities/crash_points.py` where the worker kills itself, and the file
    # that is made right before, so that it happens once.
    crash_point: str | None = None
    crash_mark: Path | None = None

    # Without a mail server nobody is told anything by mail. STARTTLS must be offered where it is set.
    smtp_host: str | None = None
    smtp_port: int = Field(default=587, ge=1, le=65_535)
    smtp_tls: Literal["none", "starttls", "tls"] = "starttls"
    smtp_username: str | None = None
    smtp_password: SecretStr | None = None
    # For one letter, below the time that a mail is claimed for.
    smtp_timeout: float = Field(default=20.0, gt=0, le=45)
    mail_from: EmailStr | None = None
    shop_name: str = "Holdfast"
    # How amounts and times look in mails.
    mail_locale: Annotated[str, AfterValidator(_locale)] = "en_US"

    @property
    def signing_keys(self) -> list[tuple[str, str]]:
        """Key ids and secrets, newest first; a key without a name is older than all that have one."""
        named = [(key.kid, key.secret.get_secret_value()) for key in self.jwt_keys]
        return named if self.jwt_secret is None else [*named, (_UNNAMED, self.jwt_secret.get_secret_value())]

    @model_validator(mode="after")
    def _mails_have_a_sender(self) -> Self:
        if self.smtp_host is not None and self.mail_from is None:
            raise ValueError("HOLDFAST_SMTP_HOST is set, and HOLDFAST_MAIL_FROM is not")
        return self

    @model_validator(mode="after")
    def _mail_logins_are_not_sent_in_clear(self) -> Self:
        if self.smtp_tls == "none" and (self.smtp_username is not None or self.smtp_password is not None):
            raise ValueError(
                "HOLDFAST_SMTP_TLS is none, and HOLDFAST_SMTP_USERNAME or HOLDFAST_SMTP_PASSWORD is set: "
                "the login would be sent in clear"
            )
        return self

    @cached_property
    def policy(self) -> Policy:
        return Policy(
            payment_deadline=self.payment_deadline_seconds,
            inspection_window=self.inspection_window_seconds,
            capture_margin=self.capture_margin_seconds,
            commission_rate=self.commission_rate,
        )


class KeySettings(BaseModel):
    """A signing key: in an encrypted keystore file with its password, or as it is."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    keystore: Path | None = None
    keystore_password: SecretStr | None = None
    private_key: SecretStr | None = None


class ChainSettings(BaseSettings):
    """The chain, from `HOLDFAST_CHAIN_…` variables; amounts in wei."""

    model_config = SettingsConfigDict(
        env_prefix="HOLDFAST_CHAIN_",
        env_nested_delimiter="_",
        env_nested_max_split=1,
        frozen=True,
        env_ignore_empty=True,
        hide_input_in_errors=True,
    )

    # Addresses of nodes often have a key in them.
    rpc_url: Annotated[SecretStr, AfterValidator(_over_http)]
    id: int = Field(gt=0)
    # Where it is written down what stands on which chain.
    deployments: Path = Path("deployments")
    # The most that a single transaction may cost.
    fee_limit: int = Field(default=10**17, gt=0)
    # Who pays for deployments, and administers what is deployed.
    deployer: KeySettings = KeySettings()
