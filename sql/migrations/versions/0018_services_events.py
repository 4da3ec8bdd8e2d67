"""The event tables of the family `services`: plain SQL beside this file."""

from analytics_etl.postgres.migrations import run_sql

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    run_sql("0018_services_events.up.sql")


def downgrade() -> None:
    run_sql("0018_services_events.down.sql")
