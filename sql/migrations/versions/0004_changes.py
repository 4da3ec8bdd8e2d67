"""The change record: plain SQL beside this file."""

from analytics_etl.postgres.migrations import run_sql

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    run_sql("0004_changes.up.sql")


def downgrade() -> None:
    run_sql("0004_changes.down.sql")
