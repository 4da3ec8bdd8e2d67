"""The runs that the API was asked for: plain SQL beside this file."""

from analytics_etl.postgres.migrations import run_sql

revision = "0028"
down_revision = "0026"


def upgrade() -> None:
    run_sql("0028_run_requests.up.sql")


def downgrade() -> None:
    run_sql("0028_run_requests.down.sql")
