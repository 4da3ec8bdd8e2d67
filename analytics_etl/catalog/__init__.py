"""What `sql/` declares, as values: contracts, models, the tables of every family. Knows no database and no Dagster."""
