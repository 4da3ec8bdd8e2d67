"""Larger versions of schemas: plain SQL beside this file."""

from analytics_etl.postgres.migrations import run_sql

revision = "0025"
down_revision = "0020"


def upgrade() -> None:
    run_sql("0025_larger_schemas.up.sql")


def downgrade() -> None:
    run_sql("0025_larger_schemas.down.sql")
