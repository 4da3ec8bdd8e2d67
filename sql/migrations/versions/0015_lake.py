"""The files of the lake, and the engine that computed a partition: plain SQL beside this file."""

from analytics_etl.postgres.migrations import run_sql

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    run_sql("0015_lake.up.sql")


def downgrade() -> None:
    run_sql("0015_lake.down.sql")
