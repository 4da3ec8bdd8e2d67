"""Schemas, ops tables and the event tables of the registry: plain SQL beside this file."""

from analytics_etl.postgres.migrations import run_sql

revision = "0001"
down_revision = None


def upgrade() -> None:
    run_sql("0001_registry_events.up.sql")


def downgrade() -> None:
    run_sql("0001_registry_events.down.sql")
