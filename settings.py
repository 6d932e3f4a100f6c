"""The only reader of the environment. Temporal's own variables are read by `temporalio.envconfig`, as its CLI does."""

from decimal import Decimal
from functools import cached_property
from pathlib import Path

from pydantic import AliasChoices, BaseModel, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from domain.orders import Policy
from domain.sign_in import SignInRules

# The key id of a key that was given as HOLDFAST_JWT_SECRET.
_UNNAMED = "default"


class JwtKey(BaseModel):
    """A signing key of 32 bytes or more, and the id by which tokens say that they are signed with it."""

    kid: str = Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")
    secret: SecretStr


class Settings(BaseSettings):
    """Every setting, from `HOLDFAST_…` variables; durations are in seconds."""

    model_config = SettingsConfigDict(env_prefix="HOLDFAST_", frozen=True)

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
    public_origin: str | None = None
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

    # For the proof suites alone: the point of `activities/crash_points.py` where the worker kills itself, and the file
    # that is made right before, so that it happens once.
    crash_point: str | None = None
    crash_mark: Path | None = None

    @property
    def signing_keys(self) -> list[tuple[str, str]]:
        """Key ids and secrets, newest first; a key without a name is older than all that have one."""
        named = [(key.kid, key.secret.get_secret_value()) for key in self.jwt_keys]
        return named if self.jwt_secret is None else [*named, (_UNNAMED, self.jwt_secret.get_secret_value())]

    @cached_property
    def policy(self) -> Policy:
        return Policy(
            payment_deadline=self.payment_deadline_seconds,
            inspection_window=self.inspection_window_seconds,
            capture_margin=self.capture_margin_seconds,
            commission_rate=self.commission_rate,
        )
