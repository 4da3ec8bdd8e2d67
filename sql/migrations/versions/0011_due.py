"""What is due of checks, reports and views: plain SQL beside this file."""

from analytics_etl.postgres.migrations import run_sql

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    run_sql("0011_due.up.sql")


def downgrade() -> None:
    run_sql("0011_due.down.sql")
