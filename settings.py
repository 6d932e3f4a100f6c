"""The only reader of the environment. Temporal's own variables are read by `temporalio.envconfig`, as its CLI does."""

from decimal import Decimal
from functools import cached_property
from pathlib import Path

from pydantic import AliasChoices, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from domain.orders import Policy


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

    jwt_secret: SecretStr | None = None
    access_token_seconds: int = 15 * 60

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

    @cached_property
    def policy(self) -> Policy:
        return Policy(
            payment_deadline=self.payment_deadline_seconds,
            inspection_window=self.inspection_window_seconds,
            capture_margin=self.capture_margin_seconds,
            commission_rate=self.commission_rate,
        )
