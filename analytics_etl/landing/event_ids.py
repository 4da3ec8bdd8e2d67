"""The event ids of the valid rows of one load, kept in DuckDB to find duplicates. Not here: which copy is kept."""

from datetime import date

import duckdb
import pyarrow as pa

from analytics_etl.catalog.contracts import REVISION


class EventIds:
    """The ids of valid rows, each with its day, file and revision, in a table of a DuckDB connection."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, *, has_revisions: bool) -> None:
        connection.execute("create table event_ids (event_id uuid, day date, file_number integer, revision bigint)")
        self._ids = connection.cursor()  # the connection itself reads files meanwhile
        self._has_revisions = has_revisions

    def close(self) -> None:
        """Close the cursor; the table goes with its connection."""
        self._ids.close()

    def add(self, rows: pa.Table, day: date) -> None:
        """Add the ids of some rows of a day."""
        revision = [REVISION] if self._has_revisions else []
        self._ids.register("ids", rows.select(["event_id", "_file", *revision]))
        self._ids.execute(
            f"insert into event_ids select event_id, $1, _file, {revision[0] if revision else 'null'} from ids", [day]
        )
        self._ids.unregister("ids")

    def duplicates(self) -> pa.Table:
        """(event_id, day) of every id that occurs more than once in a day."""
        return self._ids.sql(
            "select event_id, day from event_ids group by event_id, day having count(*) > 1"
        ).to_arrow_table()

    def duplicates_by_file(self, event_ids: pa.Table) -> dict[tuple[int, date], int]:
        """{(file number, day): copies beyond the kept one} of the given (event_id, day).

        If `event_ids` has a column revision, only copies of that revision count. The kept copy is counted for the first
        file by path, whichever copy it is, so that the counts do not depend on the order of arrival.
        """
        self._ids.register("wanted", event_ids)
        same = "event_ids.event_id = wanted.event_id and event_ids.day = wanted.day"
        if REVISION in event_ids.column_names:
            same += " and event_ids.revision is not distinct from wanted.revision"
        rows = self._ids.sql(
            f"""
            select file_number, day, sum(copies)::bigint - count(*) filter (is_first) from (
                select file_number, day, event_id, count(*) as copies,
                    file_number = min(file_number) over (partition by event_id, day) as is_first
                from event_ids semi join wanted on {same}
                group by file_number, day, event_id
            ) group by file_number, day"""
        ).fetchall()
        self._ids.unregister("wanted")
        return {(number, day): count for number, day, count in rows if count}
