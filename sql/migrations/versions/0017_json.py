"""Rules of JSON that CHECKs name: plain SQL beside this file."""

from analytics_etl.postgres.migrations import run_sql

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    run_sql("0017_json.up.sql")


def downgrade() -> None:
    run_sql("0017_json.down.sql")
