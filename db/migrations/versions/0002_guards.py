"""What rows alone can't say: balanced entries, logs that are only appended to, and the rights of the application."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

APPEND_ONLY = ("events", "ledger_entries", "postings", "stock_movements")
CHANGED = (
    "accounts",
    "commands",
    "fulfilments",
    "holds",
    "inbound_webhooks",
    "ledger_accounts",
    "order_contacts",
    "orders",
    "payment_attempts",
    "payment_operations",
    "payments",
    "products",
    "refunds",
    "requests",
    "stock",
)
INSERTED = ("order_lines", "shipping_rates", "tax_rates")

REFUSE_CHANGE = """
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$
"""

CHECK_BALANCE = """
CREATE FUNCTION check_entry_balance() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  entry BIGINT := CASE TG_TABLE_NAME WHEN 'postings' THEN (to_jsonb(NEW) ->> 'entry_id')::BIGINT
                                     ELSE (to_jsonb(NEW) ->> 'id')::BIGINT END;
BEGIN
  IF NOT EXISTS (SELECT FROM postings WHERE entry_id = entry)
     OR EXISTS (SELECT FROM postings WHERE entry_id = entry GROUP BY asset HAVING sum(amount) <> 0) THEN
    RAISE EXCEPTION 'ledger entry % does not balance', entry USING ERRCODE = 'check_violation';
  END IF;
  RETURN NULL;
END $$
"""

CREATE_ROLE = """
DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'holdfast_app') THEN
    CREATE ROLE holdfast_app NOLOGIN;
  END IF;
END $$
"""


def upgrade() -> None:
    op.execute(REFUSE_CHANGE)
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
    op.execute(CHECK_BALANCE)
    for table in ("ledger_entries", "postings"):
        op.execute(
            f"CREATE CONSTRAINT TRIGGER balanced AFTER INSERT ON {table} DEFERRABLE INITIALLY DEFERRED "
            "FOR EACH ROW EXECUTE FUNCTION check_entry_balance()"
        )
    op.execute(CREATE_ROLE)
    op.execute("GRANT USAGE ON SCHEMA public TO holdfast_app")
    for table in APPEND_ONLY + INSERTED:
        op.execute(f"GRANT SELECT, INSERT ON {table} TO holdfast_app")
    for table in CHANGED:
        op.execute(f"GRANT SELECT, INSERT, UPDATE ON {table} TO holdfast_app")


def downgrade() -> None:
    for table in APPEND_ONLY + INSERTED + CHANGED:
        op.execute(f"REVOKE ALL ON {table} FROM holdfast_app")
    op.execute("REVOKE USAGE ON SCHEMA public FROM holdfast_app")
    for table in ("ledger_entries", "postings"):
        op.execute(f"DROP TRIGGER balanced ON {table}")
    op.execute("DROP FUNCTION check_entry_balance()")
    for table in APPEND_ONLY:
        op.execute(f"DROP TRIGGER append_only ON {table}")
    op.execute("DROP FUNCTION refuse_change()")
