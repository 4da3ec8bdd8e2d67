"""Running SELECTs with named parameters, and snapshots in which several SELECTs see the same moment."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from types import MappingProxyType
from typing import Any, Concatenate, ParamSpec, TypeVar

from psycopg import sql

from analytics_etl.catalog.models import bind, window_parameters
from analytics_etl.config.settings import Settings
from analytics_etl.postgres.connection import Connection, rows
from analytics_etl.postgres.pool import transaction
from analytics_etl.postgres.sessions import AGGREGATION
from analytics_etl.postgres.tenants import ROLE, SETTING

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


class Snapshot:
    """The tables as they were at the first query; later commits are not seen."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def query(
        self, statement: str, parameters: Mapping[str, str | int] | None = None, start: date | None = None,
        end: date | None = None,
    ) -> list[dict[str, Any]]:  # fmt: skip
        """The rows of a SELECT; `:start` and `:end` from the dates, other `:parameters` by name."""
        return ask(self._connection, statement, parameters, start, end)

    @contextmanager
    def as_tenant(self, tenant_id: str) -> Iterator[None]:
        """Within the block queries see the rows of a tenant alone: PostgreSQL sees to it."""
        with self._connection.transaction(force_rollback=True):  # which takes back both settings
            self._connection.execute("select set_config(%s, %s, true)", [SETTING, tenant_id])
            self._connection.execute(sql.SQL("set local role {}").format(sql.Identifier(ROLE)))
            yield

    def read(
        self, work: Callable[Concatenate[Connection, Arguments], Result], *arguments: Arguments.args,
        **named: Arguments.kwargs,
    ) -> Result:  # fmt: skip
        """Call a function that reads the books; its first argument is a connection."""
        return work(self._connection, *arguments, **named)


@contextmanager
def snapshot(settings: Settings, session: Mapping[str, str] = MappingProxyType({})) -> Iterator[Snapshot]:
    """A read-only snapshot on one connection."""
    with transaction(settings, {**session, **AGGREGATION}) as connection:
        connection.execute("set transaction isolation level repeatable read, read only")
        yield Snapshot(connection)


def ask(
    connection: Connection, statement: str, parameters: Mapping[str, str | int] | None = None,
    start: date | None = None, end: date | None = None,
) -> list[dict[str, Any]]:  # fmt: skip
    """The rows of a SELECT on a connection, see `Snapshot.query`."""
    window = window_parameters(start, end) if start is not None and end is not None else {}
    text: Any = bind(statement, {**window, **(parameters or {})})
    return rows(connection, sql.SQL(text))
