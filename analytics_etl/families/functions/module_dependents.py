"""Who depends on each module, as of the end of a day: the import graph of the newest versions."""

import json
from collections.abc import Iterator
from itertools import groupby

import pyarrow as pa

from analytics_etl.families.functions.json_rows import batch_of
from analytics_etl.schemas import Format
from analytics_etl.schemas.dependents import Module, dependents, imports_of_modules


def module_dependents(batches: Iterator[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """A row for each module and day; the SELECT gives them in order of the day."""
    rows = (row for batch in batches for row in batch.to_pylist())
    for day, of_day in groupby(rows, key=lambda row: row["day"]):
        modules = {
            row["module_name"]: Module(Format(row["format"]), json.loads(row["provides"]), json.loads(row["needs"]))
            for row in of_day
        }
        imports = imports_of_modules(modules)
        found = dependents(imports)
        yield batch_of(
            [
                {
                    "day": day,
                    "module_name": name,
                    "imported_count": len(imports[name]),
                    "imported_modules": "\n".join(sorted(imports[name])) or None,
                    "direct_dependent_count": len(found[name].direct),
                    "dependent_count": found[name].count,
                    "direct_dependents": "\n".join(sorted(found[name].direct)) or None,
                    "dependents": "\n".join(sorted(found[name].direct | found[name].through_others)) or None,
                }
                for name in modules
            ],
            schema,
        )
