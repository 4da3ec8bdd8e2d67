"""What the figures of a change are now: plain SQL beside this file."""

from analytics_etl.postgres.migrations import run_sql

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    run_sql("0014_change_totals.up.sql")


def downgrade() -> None:
    run_sql("0014_change_totals.down.sql")
