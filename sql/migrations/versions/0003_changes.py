"""The change record: plain SQL beside this file."""

from analytics_etl.warehouse.migrations import run_sql

revision = "0003"
down_revision = "0001"


def upgrade() -> None:
    run_sql("0003_changes.up.sql")


def downgrade() -> None:
    run_sql("0003_changes.down.sql")
