"""Files that wait although they hold no valid row of the day: plain SQL beside this file."""

from analytics_etl.postgres.migrations import run_sql

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    run_sql("0008_files_waiting.up.sql")


def downgrade() -> None:
    run_sql("0008_files_waiting.down.sql")
