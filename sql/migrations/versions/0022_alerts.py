"""The books of alerts: plain SQL beside this file."""

from analytics_etl.postgres.migrations import run_sql

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    run_sql("0022_alerts.up.sql")


def downgrade() -> None:
    run_sql("0022_alerts.down.sql")
