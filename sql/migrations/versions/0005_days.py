"""The states of days, and what reports said first: plain SQL beside this file."""

from analytics_etl.postgres.migrations import run_sql

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    run_sql("0005_days.up.sql")


def downgrade() -> None:
    run_sql("0005_days.down.sql")
