"""The declarations in `sql/` as values: contracts, models, the tables of every family. No database, no Dagster."""
