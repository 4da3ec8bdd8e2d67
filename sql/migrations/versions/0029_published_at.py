"""When versions were published that a registry took over: plain SQL beside this file."""

from analytics_etl.postgres.migrations import run_sql

revision = "0029"
down_revision = "0028"


def upgrade() -> None:
    run_sql("0029_published_at.up.sql")


def downgrade() -> None:
    run_sql("0029_published_at.down.sql")
