"""The tokens of the API: plain SQL beside this file."""

from analytics_etl.postgres.migrations import run_sql

revision = "0024"
down_revision = "0022"


def upgrade() -> None:
    run_sql("0024_api_tokens.up.sql")


def downgrade() -> None:
    run_sql("0024_api_tokens.down.sql")
