"""Judging single records as they arrive: the reason for which a load would reject each, by the same statement.

DuckDB plans the statement each time, also a prepared one, which takes longer than judging a thousand records. So it is
not optimized either: that takes longer than it saves, also with five thousand records.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

import duckdb
import pyarrow as pa

from analytics_etl.catalog.contracts import Contract
from analytics_etl.landing import json_columns, validation
from analytics_etl.landing.json_text import json_fields
from analytics_etl.landing.lines import LONGEST_LINE
from analytics_etl.landing.rejections import printable

_MEMORY_MB = 256
_RECORDS = "create table lines (_line bigint, _raw varchar, _file integer, _found_at timestamptz)"


class Judge:
    """Judges records of one event table. Of one thread at a time."""

    def __init__(self, contract: Contract) -> None:
        self._connection = duckdb.connect(config={"memory_limit": f"{_MEMORY_MB}MB", "threads": 1})
        json_columns.register(self._connection)
        self._connection.execute("set timezone = 'UTC'").execute("pragma disable_optimizer").execute(_RECORDS)
        rows = validation.validated(contract, json_fields(contract))
        self._connection.execute(f"prepare judged as select _line, _reason from ({rows}) where _reason is not null")

    def reasons(self, records: Sequence[str]) -> list[str | None]:
        """Of each record, as a line of NDJSON has it, why it would be rejected; None if it would not be."""
        count = len(records)
        arrived = pa.table(
            {
                "_line": pa.array(range(count), pa.int64()),
                "_raw": pa.array(records, pa.string()),
                "_file": pa.repeat(pa.scalar(0, pa.int32()), count),
                "_found_at": pa.repeat(pa.scalar(datetime.now(UTC), pa.timestamp("us", "UTC")), count),
            }
        )
        self._connection.register("arrived", arrived)
        try:
            self._connection.execute("insert into lines select * from arrived")
            found = dict(self._connection.execute("execute judged").fetchall())
        finally:
            self._connection.execute("truncate lines")
            self._connection.unregister("arrived")
        return [
            f"the line is longer than {LONGEST_LINE:,} bytes" if len(record.encode()) > LONGEST_LINE
            else printable(found[number]) if number in found else None
            for number, record in enumerate(records)
        ]  # fmt: skip

    def close(self) -> None:
        """Free its memory."""
        self._connection.close()
