"""Columns about registered versions in derived tables: plain SQL beside this file."""

from analytics_etl.postgres.migrations import run_sql

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    run_sql("0019_registered.up.sql")


def downgrade() -> None:
    run_sql("0019_registered.down.sql")
