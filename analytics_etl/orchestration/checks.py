"""Checks as Dagster's asset checks: one step for each table, which judges every partition of a run."""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

import dagster as dg

from analytics_etl.catalog.calendar import neighbours, period_end, periods
from analytics_etl.catalog.catalog import Catalog
from analytics_etl.catalog.models import cadence_of
from analytics_etl.checks.declared import (
    SAMPLE_ROWS,
    Check,
    CheckError,
    Target,
    declared_checks,
    targets,
)
from analytics_etl.checks.due import due_checks
from analytics_etl.checks.evaluation import evaluate
from analytics_etl.ops.partitions import newest_day
from analytics_etl.ops.records import CheckResult
from analytics_etl.orchestration.assets.metadata import asset_key, retrying_lost_connections, table_of_rows
from analytics_etl.orchestration.dagster_private import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
    PARTITION_NAME_TAG,
)
from analytics_etl.orchestration.evaluations import Finding, evaluations, judged_materializations
from analytics_etl.orchestration.partitions import Partitions
from analytics_etl.pipeline.publishing import record_checks
from analytics_etl.postgres.database import Database

CHECKS_STEP = "__checks"
"""End of the name of the step that runs the checks of a table."""


def build_checks(catalog: Catalog, partitions: Partitions) -> list[dg.AssetChecksDefinition]:
    """The asset checks of every table."""
    by_table = declared_checks(catalog)
    return [_table_checks(target, by_table[table], partitions) for table, target in targets(catalog).items()]


def _table_checks(target: Target, checks: Sequence[Check], partitions: Partitions) -> dg.AssetChecksDefinition:
    """The checks of a table for each of its partitions. A view has no partitions: its checks judge it as a whole."""
    specs = {
        check.name: dg.AssetCheckSpec(
            check.name,
            asset=asset_key(target.table),
            description=check.description,
            blocking=check.severity == "error",
            additional_deps=[asset_key(table) for table in check.others],
            partitions_def=None if target.period_column is None else partitions.of(cadence_of(target.table)),
        )
        for check in checks
    }

    @dg.multi_asset_check(
        name=f"{target.table.replace('.', '__')}{CHECKS_STEP}", specs=list(specs.values()), can_subset=True
    )
    def table_checks(context: dg.AssetCheckExecutionContext, database: dg.ResourceParam[Database]) -> Iterator[Any]:
        selected = {check_key.name for check_key in context.selected_asset_check_keys}
        wanted = [check for check in checks if check.name in selected]
        with retrying_lost_connections(database):
            requested = _periods(context, database, target)
            also = _refreshed(database, target, wanted, context.run.run_id)
            results = [
                result
                for stretch in neighbours({**requested, **also})
                for result in evaluate(database, target, wanted, stretch)
            ]
            record_checks(database, results, context.run.run_id)
            starts = [] if target.period_column is None else [*requested, *also]
            judged = judged_materializations(context.instance, asset_key(target.table), starts)
        for check in wanted if target.period_column is not None else ():
            yield dg.Output(None, output_name=specs[check.name].get_python_identifier())
        for check in wanted:  # no other event between two evaluations: so they are stored in batches
            of_check = [result for result in results if result.name == check.name]
            if target.period_column is None:
                yield _result_of_view(check, of_check)
                continue
            # A partition that was not requested must not block the steps after those that were.
            findings = [
                Finding(found.start, found.passed, _metadata(check, found, of_check), stops=found.start in requested)
                for found in of_check
            ]
            yield from evaluations(specs[check.name], findings, judged, _severity(check))

    return table_checks


def _periods(context: dg.AssetCheckExecutionContext, database: Database, target: Target) -> dict[date, date]:
    """The partitions to check, start -> end; for a view, the newest day of what it reads."""
    cadence = cadence_of(target.table)
    if target.period_column is None:
        newest = database.run(newest_day, target.dependencies) or database.settings.start_date
        return {newest: newest}
    tags = context.run.tags  # in a run of checks alone the context has no partition window
    first = tags.get(ASSET_PARTITION_RANGE_START_TAG) or tags.get(PARTITION_NAME_TAG)
    last = tags.get(ASSET_PARTITION_RANGE_END_TAG) or tags.get(PARTITION_NAME_TAG)
    if first is not None and last is not None:
        return periods(cadence, date.fromisoformat(first), date.fromisoformat(last))
    # Started from the check's page, which names no partition: take the newest one.
    start = database.run(newest_day, [target.table])
    if start is None:
        raise CheckError(f"{target.table} has no partition yet that could be checked: materialise one first")
    return {start: period_end(cadence, start)}


def _refreshed(database: Database, target: Target, checks: Sequence[Check], run_id: str) -> dict[date, date]:
    """Other partitions that this run changed, since they read days around their own: start -> end."""
    if target.period_column is None:
        return {}
    return {found.start: found.end for found in due_checks(database, {target.table: checks}, run_id=run_id)}


def _result_of_view(check: Check, results: Sequence[CheckResult]) -> dg.AssetCheckResult:
    [result] = results
    return dg.AssetCheckResult(
        asset_key=asset_key(check.table),
        check_name=check.name,
        passed=result.passed,
        severity=_severity(check),
        description=check.description,
        metadata=_metadata(check, result, results),
    )


def _severity(check: Check) -> dg.AssetCheckSeverity:
    return dg.AssetCheckSeverity.ERROR if check.severity == "error" else dg.AssetCheckSeverity.WARN


def _metadata(check: Check, result: CheckResult, results: Sequence[CheckResult]) -> dict[str, Any]:
    """What the page of a check shows for one result: sample rows and the SELECT.

    When a run has many partitions, only the failed ones show the SELECT.
    """
    metadata: dict[str, Any] = {}
    if not result.passed:
        metadata["unexpected_count"] = result.unexpected_count
        metadata["rows"] = dg.MetadataValue.md(table_of_rows(result.sample[:SAMPLE_ROWS]))
    if check.select is not None and (len(results) == 1 or not result.passed):
        metadata["select"] = dg.MetadataValue.md(f"```sql\n{check.select}\n```")
    return metadata
