"""The event table of the family `platform`: plain SQL beside this file."""

from analytics_etl.postgres.migrations import run_sql

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    run_sql("0021_platform_events.up.sql")


def downgrade() -> None:
    run_sql("0021_platform_events.down.sql")
