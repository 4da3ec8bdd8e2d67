"""The version of the rules that mask error messages, beside the patterns they made: plain SQL beside this file."""

from analytics_etl.postgres.migrations import run_sql

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    run_sql("0012_error_rules.up.sql")


def downgrade() -> None:
    run_sql("0012_error_rules.down.sql")
