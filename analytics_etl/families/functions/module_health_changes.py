"""The reason of each score that moved, from what the SELECT knows of the day and of the day before."""

from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa

from analytics_etl.families.functions.json_rows import batch_of
from analytics_etl.schemas.health_reasons import Steps, reason_of

_BEFORE = "previous_"


def module_health_changes(batches: Iterator[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """A row for each row of the SELECT."""
    for batch in batches:
        rows = [{**row, "change_reason": _reason(row)} for row in batch.to_pylist()]
        if rows:
            yield batch_of(rows, schema)


def _reason(row: Mapping[str, Any]) -> str:
    before = {name.removeprefix(_BEFORE): value for name, value in row.items() if name.startswith(_BEFORE)}
    came, went = (tuple((row[name] or "").split("\n")) if row[name] else () for name in ("broken_by", "broken_before"))
    return reason_of(row, before if row["previous_day"] is not None else None, Steps(came, went))
