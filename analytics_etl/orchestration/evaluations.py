"""What checks found, as Dagster keeps it: one evaluation for each partition, also when one run does a range of them.

Dagster's own `AssetCheckResult` knows no partition in a run of a range: it would give one evaluation of no partition,
which the page of a check does not count. Checks of what has no partitions go on using it.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import dagster as dg
from dagster import AssetCheckEvaluation, AssetRecordsFilter, DagsterEventType, DagsterInstance

from analytics_etl.orchestration.dagster_private import AssetCheckEvaluationTargetMaterializationData as Judged


@dataclass(frozen=True)
class Finding:
    """What a check found in one partition."""

    start: date
    passed: bool
    metadata: Mapping[str, Any] = field(default_factory=dict)
    stops: bool = True
    """Whether what is downstream is not run when it failed, provided that the check is a blocking one."""


def judged_materializations(
    instance: DagsterInstance, asset: dg.AssetKey, starts: Collection[date]
) -> dict[date, Judged]:  # fmt: skip
    """The latest materialization of each of some partitions: what a check that runs now has looked at."""
    names = {start.isoformat() for start in starts}
    latest = instance.get_latest_storage_id_by_partition(asset, DagsterEventType.ASSET_MATERIALIZATION, names)
    if not latest:
        return {}
    records = instance.fetch_materializations(
        AssetRecordsFilter(asset, storage_ids=sorted(latest.values())), limit=len(latest)
    ).records
    return {
        date.fromisoformat(str(record.partition_key)): Judged(
            storage_id=record.storage_id, run_id=record.run_id, timestamp=record.timestamp
        )
        for record in records
    }


def evaluations(
    spec: dg.AssetCheckSpec, findings: Sequence[Finding], judged: Mapping[date, Judged],
    severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR,
) -> Iterator[AssetCheckEvaluation]:  # fmt: skip
    """What a step yields of one check, beside the output of the check, which says that it has run.

    One failure is enough to stop what is downstream, and the step's error names the check once for each that does.
    """
    stopping = next((found for found in findings if found.stops and not found.passed), None)
    for found in findings:
        yield AssetCheckEvaluation(
            asset_key=spec.asset_key,
            check_name=spec.name,
            passed=found.passed,
            metadata=found.metadata,
            target_materialization_data=judged.get(found.start),
            severity=severity,
            description=spec.description,
            blocking=spec.blocking and found is stopping,
            partition=found.start.isoformat(),
        )
