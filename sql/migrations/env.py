"""Alembic's entry point. `analytics_etl.postgres.migrations` calls it with a connection; there is no other way in."""

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    version_table="schema_version",
    version_table_schema="ops",
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
