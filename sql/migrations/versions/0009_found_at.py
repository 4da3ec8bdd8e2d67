"""When each file was first seen, and its rows that a source mapping leaves out: plain SQL beside this file."""

from analytics_etl.postgres.migrations import run_sql

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    run_sql("0009_found_at.up.sql")


def downgrade() -> None:
    run_sql("0009_found_at.down.sql")
