"""Judging single records as they arrive: the reason for which a load would reject each, by the same statement.

DuckDB plans the statement each time, also a prepared one, which takes longer than judging a thousand records. So it is
not optimized either: that takes longer than it saves, also with five thousand records.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import duckdb
import pyarrow as pa

from analytics_etl.catalog.contracts import Contract
from analytics_etl.catalog.models import Model
from analytics_etl.landing import json_columns, validation
from analytics_etl.landing.fields import Fields, literal, quote
from analytics_etl.landing.json_text import foreign_json, json_fields
from analytics_etl.landing.lines import LONGEST_LINE
from analytics_etl.landing.mappings import mapped_fields, mapping_inputs
from analytics_etl.landing.rejections import printable

_MEMORY_MB = 256
_RECORDS = "create table lines (_line bigint, _raw varchar, _file integer, _found_at timestamptz)"


class Judge:
    """Judges records of one event table, or of a foreign form that a mapping makes some of. Of one thread at a time."""

    def __init__(self, contract: Contract, mapping: Model | None = None) -> None:
        self._connection = duckdb.connect(config={"memory_limit": f"{_MEMORY_MB}MB", "threads": 1})
        json_columns.register(self._connection)
        self._connection.execute("set timezone = 'UTC'").execute("pragma disable_optimizer").execute(_RECORDS)
        self._connection.execute(f"prepare judged as {_rejected(contract, mapping)}")
        if mapping is not None:
            self._connection.execute(f"prepare made as {_made(contract, mapping)}")

    def reasons(self, records: Sequence[str]) -> list[str | None]:
        """Of each record, as a line of NDJSON has it, why it would be rejected; None if it would not be."""
        found = dict(self._asked("judged", records))
        return [
            f"the line is longer than {LONGEST_LINE:,} bytes" if len(record.encode()) > LONGEST_LINE
            else printable(found[number]) if number in found else None
            for number, record in enumerate(records)
        ]  # fmt: skip

    def made(self, records: Sequence[str]) -> list[str]:
        """The rows that the mapping makes of records which fit, each as a line of NDJSON."""
        return [line for (line,) in self._asked("made", records)]

    def _asked(self, prepared: str, records: Sequence[str]) -> list[tuple[Any, ...]]:
        """The rows of a prepared statement about records."""
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
            return self._connection.execute(f"execute {prepared}").fetchall()
        finally:
            self._connection.execute("truncate lines")
            self._connection.unregister("arrived")

    def close(self) -> None:
        """Free its memory."""
        self._connection.close()


def _rejected(contract: Contract, mapping: Model | None) -> str:
    """The SELECT of (_line, the reason) of the lines that would be rejected.

    Of a foreign record each row is judged. One that has no row at all is nothing to load, and whoever posts it meant
    something else.
    """
    fields = json_fields(contract) if mapping is None else _foreign(contract, mapping)
    rows = validation.validated(contract, fields)
    if not fields.has_others:
        return f"select _line, _reason from ({rows}) where _reason is not null"
    reason = "min(_reason) filter (where _is_wanted)"
    return f"""
        select _line, case when bool_or(_is_wanted) then {reason} else 'has no value for {contract.table}' end
        from ({rows})
        group by 1
        having not bool_or(_is_wanted) or {reason} is not null"""


def _foreign(contract: Contract, mapping: Model) -> Fields:
    relation = foreign_json(mapping_inputs(mapping))
    return mapped_fields(contract, mapping, relation, may_have_problems=True)


def _made(contract: Contract, mapping: Model) -> str:
    """The SELECT of the rows that a mapping makes, as JSON whose values are texts."""
    fields = _foreign(contract, mapping)
    names = [name for name, origin in fields.origins.items() if origin != "absent"]
    wanted = " where _is_wanted" if fields.has_others else ""
    values = ", ".join(f"{literal(name)}, {quote(name)}" for name in names)
    return f"select json_object({values})::varchar from ({fields.relation}){wanted} order by _line"
