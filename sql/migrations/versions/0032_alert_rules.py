"""The rules of alerts that people give the API: plain SQL beside this file."""

from analytics_etl.postgres.migrations import run_sql

revision = "0032"
down_revision = "0030"


def upgrade() -> None:
    run_sql("0032_alert_rules.up.sql")


def downgrade() -> None:
    run_sql("0032_alert_rules.down.sql")
