"""Results of checks as Dagster's evaluations: one for each partition, also when a run covers a range of partitions.

Dagster's own `AssetCheckResult` has no partition in a run of a range: it becomes one evaluation without a partition,
which the page of a check does not count. Checks of tables without partitions still use it.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import dagster as dg
from dagster import AssetCheckEvaluation, AssetRecordsFilter, DagsterEventType, DagsterInstance

from analytics_etl.orchestration.dagster_private import (
    AssetCheckEvaluationTargetMaterializationData as TargetMaterialization,
)


@dataclass(frozen=True)
class Finding:
    """What a check found in one partition."""

    start: date
    passed: bool
    metadata: Mapping[str, Any] = field(default_factory=dict)
    stops: bool = True
    """Whether a failure keeps downstream steps from running, if the check is a blocking one."""


def judged_materializations(
    instance: DagsterInstance, asset: dg.AssetKey, starts: Collection[date]
) -> dict[date, TargetMaterialization]:  # fmt: skip
    """The latest materialization of each partition, which is what a check that runs now judges."""
    names = {start.isoformat() for start in starts}
    latest = instance.get_latest_storage_id_by_partition(asset, DagsterEventType.ASSET_MATERIALIZATION, names)
    if not latest:
        return {}
    records = instance.fetch_materializations(
        AssetRecordsFilter(asset, storage_ids=sorted(latest.values())), limit=len(latest)
    ).records
    return {
        date.fromisoformat(str(record.partition_key)): TargetMaterialization(
            storage_id=record.storage_id, run_id=record.run_id, timestamp=record.timestamp
        )
        for record in records
    }


def evaluations(
    spec: dg.AssetCheckSpec, findings: Sequence[Finding], judged: Mapping[date, TargetMaterialization],
    severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR,
) -> Iterator[AssetCheckEvaluation]:  # fmt: skip
    """The evaluations that a step yields for one check. The step must yield the check's output itself.

    Only the first failure is marked as blocking. One is enough to stop downstream steps, and the error of the step
    names the check once for each blocking failure.
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
