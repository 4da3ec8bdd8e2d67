"""The use cases: load, publish, report, plan a backfill, retain, verify. Without Dagster and without a terminal."""
