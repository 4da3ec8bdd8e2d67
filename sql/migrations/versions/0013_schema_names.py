"""Names of schemas in the events of the family `usage`: plain SQL beside this file."""

from analytics_etl.postgres.migrations import run_sql

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    run_sql("0013_schema_names.up.sql")


def downgrade() -> None:
    run_sql("0013_schema_names.down.sql")
