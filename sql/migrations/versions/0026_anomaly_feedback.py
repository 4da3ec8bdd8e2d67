"""What people say of anomalies, and alerts in plain words: SQL beside this file."""

from analytics_etl.postgres.migrations import run_sql

revision = "0026"
down_revision = "0024"


def upgrade() -> None:
    run_sql("0026_anomaly_feedback.up.sql")


def downgrade() -> None:
    run_sql("0026_anomaly_feedback.down.sql")
