"""The event tables of the family `services`: plain SQL beside this file."""

from analytics_etl.postgres.migrations import run_sql

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    run_sql("0020_services_events.up.sql")


def downgrade() -> None:
    run_sql("0020_services_events.down.sql")
