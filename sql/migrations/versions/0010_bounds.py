"""Bounds of values, revisions of events and cancelled executions: plain SQL beside this file."""

from analytics_etl.postgres.migrations import run_sql

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    run_sql("0010_bounds.up.sql")


def downgrade() -> None:
    run_sql("0010_bounds.down.sql")
