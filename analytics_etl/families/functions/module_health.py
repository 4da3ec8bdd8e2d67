"""The health of each module as of the end of a day, from what the SELECT knows of its newest version."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa

from analytics_etl.families.functions.json_rows import batch_of
from analytics_etl.schemas.health import Evidence, health_of
from analytics_etl.schemas.measures import Measures


def module_health(batches: Iterator[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """A row for each row of the SELECT."""
    for batch in batches:
        rows = [_row(row) for row in batch.to_pylist()]
        if rows:
            yield batch_of(rows, schema)


def _row(row: Mapping[str, Any]) -> dict[str, Any]:
    measures = _measures(row["raw_measures"])
    unused = row["unused_elements"].split("\n") if row["unused_elements"] else []
    broken = row["broken_elements"].split("\n") if row["broken_elements"] else []
    health = health_of(
        Evidence(
            measures,
            row["fault"] or "",
            unused=tuple(unused) if row["has_usage"] else None,
            old_fields=row["old_field_count"],
            unused_days=row["unused_days"],
            broken=frozenset(broken) if row["is_compared"] else None,
            dependents=row["dependent_count"],
        )
    )
    raw = {name: number for part in health.parts for name, number in part.raw.items()}
    reasons = {part.reason: None for part in health.parts if part.reason}
    return {
        **row,
        "overall_score": health.score,
        "badge": health.badge,
        "coverage_ratio": health.coverage,
        **{f"{part.name}_score": part.score for part in health.parts},
        "complexity": raw.get("complexity"),
        "entity_count": raw.get("entities"),
        "fields_per_entity": raw.get("fields_per_entity"),
        "nesting_depth": raw.get("nesting"),
        "documented_ratio": raw.get("documented_ratio"),
        "named_ratio": raw.get("named_ratio"),
        "largest_entity_fields": raw.get("largest_entity"),
        "import_depth": raw.get("import_depth"),
        "unused_field_count": raw.get("unused"),
        "deprecated_count": raw.get("deprecated"),
        "breaking_count": raw.get("broken"),
        "reason": "\n".join(reasons) or None,
        "formula_version": health.formula,
        "recommendations": json.dumps(
            [
                {
                    "recommendation_kind": item.kind,
                    "recommendation": item.text,
                    "evidence": "\n".join(item.evidence) or None,
                }
                for item in health.recommendations
            ],
            ensure_ascii=False,
        ),
    }


def _measures(text: str | None) -> Measures | None:
    if text is None:
        return None
    found = json.loads(text)
    return Measures(**{**found, "deprecated": tuple(found["deprecated"])})
