"""The books of archived days and of removed personal data: plain SQL beside this file."""

from analytics_etl.postgres.migrations import run_sql

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    run_sql("0002_archives.up.sql")


def downgrade() -> None:
    run_sql("0002_archives.down.sql")
