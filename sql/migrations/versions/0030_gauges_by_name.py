"""Gauges of services by their names: plain SQL beside this file, which takes the tables away in both directions."""

from analytics_etl.postgres.migrations import run_sql

revision = "0030"
down_revision = "0029"


def upgrade() -> None:
    run_sql("0030_gauges_by_name.up.sql")


def downgrade() -> None:
    run_sql("0030_gauges_by_name.up.sql")
