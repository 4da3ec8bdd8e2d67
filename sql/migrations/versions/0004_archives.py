"""The books of archived days and of removed personal data: plain SQL beside this file."""

from analytics_etl.warehouse.migrations import run_sql

revision = "0004"
down_revision = "0001"


def upgrade() -> None:
    run_sql("0004_archives.up.sql")


def downgrade() -> None:
    run_sql("0004_archives.down.sql")
