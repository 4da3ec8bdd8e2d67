"""Names and locks of the partition of a day, and of the new partition that is to replace it."""

from datetime import date

from psycopg import sql

from analytics_etl.catalog.contracts import Contract
from analytics_etl.postgres.connection import Connection, DatabaseError


def partition_name(contract: Contract, day: date) -> str:
    """The name of a day's partition, without its schema."""
    return f"{contract.name}_p{day:%Y%m%d}"


def partition(contract: Contract, day: date) -> sql.Identifier:
    """The day's partition."""
    return sql.Identifier(contract.family, partition_name(contract, day))


def new_partition(contract: Contract, day: date) -> sql.Identifier:
    """The table that a load fills and then attaches in place of the old partition."""
    return sql.Identifier(contract.family, f"{partition_name(contract, day)}_new")


def has_partition(connection: Connection, contract: Contract, day: date) -> bool:
    """Whether the day has a partition now."""
    name = partition(contract, day).as_string(connection)
    found = connection.execute("select to_regclass(%s)", [name]).fetchone()
    return found is not None and found[0] is not None


def locked_partition(connection: Connection, contract: Contract, day: date) -> sql.Identifier:
    """The day's partition, locked against writers until the transaction ends. Raise DatabaseError if there is none."""
    if not has_partition(connection, contract, day):
        raise DatabaseError(f"{contract.table}: there is no partition of {day}, though the books say it was loaded")
    connection.execute(sql.SQL("lock table {} in share mode").format(partition(contract, day)))
    return partition(contract, day)
