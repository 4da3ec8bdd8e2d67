"""The version of the rules that mask error messages, beside the patterns they made: plain SQL beside this file."""

from analytics_etl.warehouse.migrations import run_sql

revision = "0014"
down_revision = "0008"


def upgrade() -> None:
    run_sql("0014_error_rules.up.sql")


def downgrade() -> None:
    run_sql("0014_error_rules.down.sql")
