"""Where the rows of a partition lie: plain SQL beside this file."""

from analytics_etl.postgres.migrations import run_sql

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    run_sql("0016_hot_days.up.sql")


def downgrade() -> None:
    run_sql("0016_hot_days.down.sql")
