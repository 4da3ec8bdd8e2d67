"""What series say: anomalies, forecasts, transitions of alerts. Pure: knows no database, no Dagster, no clock."""
