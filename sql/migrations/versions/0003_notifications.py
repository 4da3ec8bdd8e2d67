"""Failures of checks, notifications, their deliveries: plain SQL beside this file."""

from analytics_etl.postgres.migrations import run_sql

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    run_sql("0003_notifications.up.sql")


def downgrade() -> None:
    run_sql("0003_notifications.down.sql")
