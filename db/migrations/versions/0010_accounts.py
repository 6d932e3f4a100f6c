"""Accounts with a status and what staff changed of them; refresh tokens, browser sessions, login counters."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_ROLES = ("buyer", "seller", "admin")
_STATUSES = ("pending_approval", "active", "blocked", "erased")
_REASONS = ("approved", "not_approved", "fraud", "abuse", "requested", "staffing", "mistake", "other")
_BLANK = "num_nonnulls(email, name, password_hash) = CASE status WHEN 'erased' THEN 0 ELSE 3 END"
_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("accounts", sa.Column("status", sa.String(32), server_default="active", nullable=False))
    op.create_check_constraint(op.f("ck_accounts_status"), "accounts", sa.column("status").in_(_STATUSES))
    for name in ("email", "name", "password_hash"):
        op.alter_column("accounts", name, nullable=True)
    op.create_check_constraint(op.f("ck_accounts_erased_is_blank"), "accounts", _BLANK)
    op.create_index("ix_accounts_administrators", "accounts", ["id"], postgresql_where="role = 'admin'")
    _create_changes()
    _create_token_families()
    _create_sessions()
    _create_login_counters()
    op.execute("GRANT SELECT, INSERT, UPDATE ON account_changes TO holdfast_app")
    for table in ("token_families", "refresh_tokens", "sessions", "login_counters"):
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO holdfast_app")


def downgrade() -> None:
    for table in ("login_counters", "sessions", "refresh_tokens", "token_families", "account_changes"):
        op.drop_table(table)
    op.drop_index("ix_accounts_administrators", "accounts")
    op.drop_constraint(op.f("ck_accounts_erased_is_blank"), "accounts")
    # What came before knows no status: who may not log in gets a hash that no password has.
    op.execute("UPDATE accounts SET password_hash = '' WHERE status <> 'active'")
    op.execute("UPDATE accounts SET email = id::text || '@erased.invalid', name = '' WHERE status = 'erased'")
    for name in ("email", "name", "password_hash"):
        op.alter_column("accounts", name, nullable=False)
    op.drop_constraint(op.f("ck_accounts_status"), "accounts")
    op.drop_column("accounts", "status")


def _one_of(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=32)


def _create_changes() -> None:
    op.create_table(
        "account_changes",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=False),
        sa.Column("role", _one_of("role", *_ROLES), nullable=True),
        sa.Column("status", _one_of("status", *_STATUSES), nullable=True),
        sa.Column("reason", _one_of("reason", *_REASONS), nullable=False),
        sa.Column("note", sa.String(), nullable=True),
        sa.Column("created", _TIME, nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_account_changes_account_id")),
        sa.ForeignKeyConstraint(["actor_id"], ["accounts.id"], name=op.f("fk_account_changes_actor_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account_changes")),
    )
    op.create_index(op.f("ix_account_changes_account_id"), "account_changes", ["account_id"])


def _create_token_families() -> None:
    op.create_table(
        "token_families",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("created", _TIME, nullable=False),
        sa.Column("expires", _TIME, nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_token_families_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_token_families")),
    )
    op.create_index(op.f("ix_token_families_account_id"), "token_families", ["account_id"])
    op.create_index(op.f("ix_token_families_expires"), "token_families", ["expires"])
    op.create_table(
        "refresh_tokens",
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("family_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("created", _TIME, nullable=False),
        sa.Column("expires", _TIME, nullable=False),
        sa.Column("used", _TIME, nullable=True),
        sa.Column("salt", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(
            ["family_id"], ["token_families.id"], name=op.f("fk_refresh_tokens_family_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_refresh_tokens")),
        sa.UniqueConstraint("family_id", "number", name=op.f("uq_refresh_tokens_family_id_number")),
    )
    op.create_index(
        "uq_refresh_tokens_current", "refresh_tokens", ["family_id"], unique=True, postgresql_where="used IS NULL"
    )


def _create_sessions() -> None:
    op.create_table(
        "sessions",
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("created", _TIME, nullable=False),
        sa.Column("used", _TIME, nullable=False),
        sa.Column("expires", _TIME, nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_sessions_account_id")),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_sessions")),
    )
    op.create_index(op.f("ix_sessions_account_id"), "sessions", ["account_id"])
    op.create_index(op.f("ix_sessions_expires"), "sessions", ["expires"])


def _create_login_counters() -> None:
    op.create_table(
        "login_counters",
        sa.Column("kind", _one_of("kind", "login", "registration"), nullable=False),
        sa.Column("name", sa.LargeBinary(), nullable=False),
        sa.Column("address", sa.LargeBinary(), nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.Column("ends", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("kind", "name", "address", name=op.f("pk_login_counters")),
    )
    op.create_index(op.f("ix_login_counters_name"), "login_counters", ["name"])
    op.create_index(op.f("ix_login_counters_ends"), "login_counters", ["ends"])
