"""The database of some settings, as use cases open it: a transaction, a question, several questions about one moment.

What is done in a transaction is the business of the rooms that have functions for it (`ops`, `tables`), whose first
argument is the connection. Not here: what any table is about.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from typing import Any, Concatenate, ParamSpec, TypeVar

from analytics_etl.config.settings import Settings
from analytics_etl.postgres.connection import Connection
from analytics_etl.postgres.pool import transaction
from analytics_etl.postgres.sessions import AGGREGATION
from analytics_etl.postgres.snapshot import Snapshot, ask, snapshot

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


class Database:
    """Where the settings say the tables and the books are."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @contextmanager
    def transaction(self, session: Mapping[str, str] | None = None) -> Iterator[Connection]:
        """One transaction, committed when the block ends without an error; `session` are settings of its own."""
        with transaction(self.settings, session) as connection:
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
        """The same for one that only asks, and may have to sort much."""
        with self.transaction(AGGREGATION) as connection:
            return work(connection, *arguments, **named)

    def query(
        self, statement: str, parameters: Mapping[str, str | int] | None = None, start: date | None = None,
        end: date | None = None,
    ) -> list[dict[str, Any]]:  # fmt: skip
        """The rows of a SELECT; `:start` and `:end` from the dates, other `:parameters` by name."""
        with self.transaction(AGGREGATION) as connection:
            return ask(connection, statement, parameters, start, end)

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        """Several questions about one moment: a run that commits in between is seen by none of them."""
        with snapshot(self.settings) as found:
            yield found
