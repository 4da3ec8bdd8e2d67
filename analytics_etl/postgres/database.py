"""The database for use cases: transactions, queries and snapshots.

The functions that work in a transaction are in `ops` and `tables`; their first argument is the connection. Not here:
anything about a table.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from types import MappingProxyType
from typing import Any, Concatenate, ParamSpec, TypeVar

from analytics_etl.config.settings import Settings
from analytics_etl.postgres.connection import Connection
from analytics_etl.postgres.pool import transaction
from analytics_etl.postgres.sessions import AGGREGATION
from analytics_etl.postgres.snapshot import Snapshot, ask, snapshot
from analytics_etl.postgres.tenants import ROLE, SETTING

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


class Database:
    """The configured database; `session` are settings of each of its transactions.

    `seconds` is the time that a statement may take, also one that asks the lake; None = as the settings say. With
    `tenant_id`, `query` sees the rows of this tenant alone: PostgreSQL sees to it. The books are read as ever.
    """

    def __init__(
        self, settings: Settings, session: Mapping[str, str] = MappingProxyType({}), seconds: float | None = None,
        tenant_id: str | None = None,
    ) -> None:  # fmt: skip
        self.settings = settings
        self.seconds = seconds
        self.tenant_id = tenant_id
        self.session = {**({} if seconds is None else {"statement_timeout": f"{seconds}s"}), **session}

    @contextmanager
    def transaction(self, session: Mapping[str, str] | None = None) -> Iterator[Connection]:
        """A transaction, committed if the block succeeds; `session` are settings for this transaction only."""
        with transaction(self.settings, {**self.session, **(session or {})}) as connection:
            yield connection

    def run(
        self, work: Callable[Concatenate[Connection, Arguments], Result], *arguments: Arguments.args,
        **named: Arguments.kwargs,
    ) -> Result:  # fmt: skip
        """Call a function whose first argument is a connection, in a transaction of its own."""
        with self.transaction() as connection:
            return work(connection, *arguments, **named)

    def read(
        self, work: Callable[Concatenate[Connection, Arguments], Result], *arguments: Arguments.args,
        **named: Arguments.kwargs,
    ) -> Result:  # fmt: skip
        """Call a function that only reads, with memory for large sorts and groups."""
        with self.transaction(AGGREGATION) as connection:
            return work(connection, *arguments, **named)

    def query(
        self, statement: str, parameters: Mapping[str, str | int] | None = None, start: date | None = None,
        end: date | None = None,
    ) -> list[dict[str, Any]]:  # fmt: skip
        """The rows of a SELECT; `:start` and `:end` from the dates, other `:parameters` by name."""
        tenant = {} if self.tenant_id is None else {SETTING: self.tenant_id, "role": ROLE}
        with self.transaction({**AGGREGATION, **tenant}) as connection:
            return ask(connection, statement, parameters, start, end)

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        """A read-only snapshot: all its queries see the same moment, whatever is committed meanwhile."""
        with snapshot(self.settings, self.session) as found:
            yield found
