"""The schedule executions: plain SQL beside this file."""

from analytics_etl.postgres.migrations import run_sql

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    run_sql("0007_schedule_events.up.sql")


def downgrade() -> None:
    run_sql("0007_schedule_events.down.sql")
