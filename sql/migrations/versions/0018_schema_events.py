"""Versions of modules and uses of their fields: plain SQL beside this file."""

from analytics_etl.postgres.migrations import run_sql

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    run_sql("0018_schema_events.up.sql")


def downgrade() -> None:
    run_sql("0018_schema_events.down.sql")
