"""Removing a landing file that is gone from the ledger."""

from analytics_etl.ops.forgetting import Forgotten, forget
from analytics_etl.pipeline.partition_states import refresh_days
from analytics_etl.postgres.database import Database


def forget_file(database: Database, path: str, actor: str, reason: str) -> Forgotten:
    """Forget a file, with an entry in the audit log, and refresh its days. Raise DatabaseError if the file exists."""
    with database.transaction() as connection:
        forgotten = forget(connection, database.settings.landing_dirs, path, actor, reason)
        refresh_days(connection, database.settings, [forgotten.table])
        return forgotten
