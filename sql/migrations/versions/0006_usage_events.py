"""The event table of the family `usage`: plain SQL beside this file."""

from analytics_etl.postgres.migrations import run_sql

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    run_sql("0006_usage_events.up.sql")


def downgrade() -> None:
    run_sql("0006_usage_events.down.sql")
