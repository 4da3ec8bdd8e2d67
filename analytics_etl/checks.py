"""Checks: headers, `sql/<family>/checks` and `sql/ops/checks` -> Great Expectations -> Dagster asset checks.

A check file's name begins with the table it is about; those of the family `ops` are about every event table. Results
are kept per partition in `ops.check_results`, also when one run does a whole range of partitions.
"""

import importlib
import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from types import ModuleType
from typing import Any
from uuid import uuid4

import dagster as dg
from dagster._core.storage import tags as dg_tags

from analytics_etl.assets.metadata import asset_key, retrying_lost_connections, table_of_rows
from analytics_etl.catalog import Catalog
from analytics_etl.models import Model, bind, cadence_of, rename_schemas, window_parameters
from analytics_etl.partitions import period_end, requested_periods
from analytics_etl.warehouse import CheckResult, Warehouse, raising_lost_connections, sqlalchemy_url

SAMPLE_ROWS = 20
UNEXPECTED_ROWS = "unexpected_rows_expectation"
CHECKS_STEP = "__checks"
"""What the name of the step ends with that runs the checks of a table."""
_QUALIFIED = re.compile(r"\b[a-z]\w*\.[a-z]\w*\b")


class CheckError(RuntimeError):
    """A check that could not be evaluated, which is not the same as one that failed."""


@dataclass(frozen=True)
class Check:
    """One expectation about one table."""

    table: str
    name: str
    description: str
    severity: str
    """error = stops what is downstream of the partition, warn = only tells"""
    expectation: str
    arguments: Mapping[str, Any]
    select: str | None = None
    """For a check that is a SELECT of rows that must not exist: the SELECT."""
    query: Model | None = None
    """The file it comes from, if any."""

    @property
    def others(self) -> tuple[str, ...]:
        """The tables its SELECT reads beside its own: they must be written before it can judge."""
        read = self.query.dependencies if self.query else ()
        return tuple(table for table in read if table != self.table and not table.startswith("ops."))


@dataclass(frozen=True)
class Target:
    """A table with checks: where its rows of a period are found."""

    table: str
    period_column: str | None
    """None for a view, which is checked as a whole."""
    key: tuple[str, ...]
    dependencies: tuple[str, ...]
    time_column: str = ""


def targets(catalog: Catalog) -> dict[str, Target]:
    """Every table that can be checked."""
    found = {
        table: Target(table, contract.time_column, contract.key, (table,), contract.time_column)
        for table, contract in catalog.contracts.items()
    }
    for table, model in catalog.derived.items():
        period = None if model.kind == "views" else model.key[0]
        found[table] = Target(table, period, model.key, model.dependencies)
    return found


def declared_checks(catalog: Catalog) -> dict[str, list[Check]]:
    """Every check, by table."""
    found: dict[str, list[Check]] = {table: [] for table in targets(catalog)}
    for table, model in catalog.derived.items():
        found[table].append(_key_check(table, model.key))
        found[table] += [_header_check(table, "expect_column_values_to_not_be_null", {"column": c}) for c in model.key]
        found[table] += [_header_check(table, name, arguments) for name, arguments in model.checks]
    for query in catalog.checks.values():
        tables = list(catalog.contracts) if query.family == "ops" else [checked_table(query, found)]
        for table in tables:
            found[table].append(_query_check(table, query))
    return found


def checked_table(query: Model, tables: Iterable[str]) -> str:
    """The table a check file is about: the longest one of its family that its name begins with."""
    candidates = [table for table in tables if query.table.startswith(f"{table}_")]
    if not candidates:
        raise CheckError(f"{query.path}: the name of a check must begin with the name of the table it is about")
    return max(candidates, key=len)


def build_checks(catalog: Catalog) -> list[dg.AssetChecksDefinition]:
    """The asset checks of every table."""
    by_table = declared_checks(catalog)
    return [_table_checks(target, by_table[table]) for table, target in targets(catalog).items()]


def evaluate(
    warehouse: Warehouse, target: Target, checks: Sequence[Check], periods: Mapping[date, date]
) -> list[CheckResult]:
    """Evaluate checks for each of some consecutive partitions (start -> end).

    All partitions are validated at once; one by one only when something is wrong, to say which it is.
    """
    start, end = min(periods), max(periods.values())
    results = _validate(warehouse, target, checks, start, end)
    if len(periods) == 1:
        return results
    wrong = [check for check, result in zip(checks, results, strict=True) if not result.passed]
    right = [result for result in results if result.passed]
    found = [
        CheckResult(r.table, r.name, first, after, True, r.severity, r.description, 0, [])  # noqa: FBT003
        for r in right
        for first, after in periods.items()
    ]
    if wrong:
        for first, after in periods.items():
            found += _validate(warehouse, target, wrong, first, after)
    return found


def _table_checks(target: Target, checks: Sequence[Check]) -> dg.AssetChecksDefinition:
    key = asset_key(target.table)
    specs = [
        dg.AssetCheckSpec(
            check.name,
            asset=key,
            description=check.description,
            blocking=check.severity == "error",
            additional_deps=[asset_key(table) for table in check.others],
        )
        for check in checks
    ]

    @dg.multi_asset_check(name=f"{target.table.replace('.', '__')}{CHECKS_STEP}", specs=specs, can_subset=True)
    def table_checks(
        context: dg.AssetCheckExecutionContext, warehouse: dg.ResourceParam[Warehouse]
    ) -> Iterable[dg.AssetCheckResult]:
        selected = {check_key.name for check_key in context.selected_asset_check_keys}
        wanted = [check for check in checks if check.name in selected]
        with retrying_lost_connections(warehouse):
            periods = _periods(context, warehouse, target)
            results = evaluate(warehouse, target, wanted, periods)
            warehouse.record_checks(results, context.run.run_id)
        for check in wanted:
            yield _dagster_result(check, [result for result in results if result.name == check.name])

    return table_checks


def _periods(context: dg.AssetCheckExecutionContext, warehouse: Warehouse, target: Target) -> dict[date, date]:
    cadence = cadence_of(target.table)
    if target.period_column is None:
        newest = warehouse.newest_day(target.dependencies) or warehouse.settings.start_date
        return {newest: newest}
    if {dg_tags.PARTITION_NAME_TAG, dg_tags.ASSET_PARTITION_RANGE_START_TAG} & set(context.run.tags):
        return requested_periods(context, cadence)
    # Executed from the check's own page, which names no partition: the newest one there is.
    start = warehouse.newest_day([target.table])
    if start is None:
        raise CheckError(f"{target.table} has no partition yet that could be checked: materialise one first")
    return {start: period_end(cadence, start)}


def _dagster_result(check: Check, results: Sequence[CheckResult]) -> dg.AssetCheckResult:
    failed = [result for result in results if not result.passed]
    rows = [row for result in failed for row in result.sample][:SAMPLE_ROWS]
    severity = dg.AssetCheckSeverity.ERROR if check.severity == "error" else dg.AssetCheckSeverity.WARN
    metadata: dict[str, Any] = {"partitions_checked": len(results), "partitions_failed": len(failed)}
    if failed:
        metadata |= {
            "failed_partitions": ", ".join(result.start.isoformat() for result in failed[:SAMPLE_ROWS]),
            "unexpected_count": sum(result.unexpected_count for result in failed),
            "rows": dg.MetadataValue.md(table_of_rows(rows)),
        }
    if check.select is not None:
        metadata["select"] = dg.MetadataValue.md(f"```sql\n{check.select}\n```")
    return dg.AssetCheckResult(
        asset_key=asset_key(check.table),
        check_name=check.name,
        passed=not failed,
        severity=severity,
        description=check.description,
        metadata=metadata,
    )


def _header_check(table: str, expectation: str, arguments: Mapping[str, Any]) -> Check:
    columns = [v for k, v in arguments.items() if k in ("column", "column_A", "column_B")]
    columns += arguments.get("column_list", [])
    short = expectation.removeprefix("expect_").replace("column_values_to_", "").replace("column_pair_values_", "")
    short = "_".join([*columns, short])
    limits = {
        k: v for k, v in arguments.items() if k not in ("column", "column_A", "column_B", "column_list", "severity")
    }
    detail = ", ".join(f"{name} {value}" for name, value in limits.items())
    words = expectation.removeprefix("expect_").replace("_", " ")
    description = f"{', '.join(columns)}: {words}" + (f" ({detail})" if detail else "")
    return Check(table, short, description, _severity(arguments), expectation, arguments)


def _key_check(table: str, key: Sequence[str]) -> Check:
    """The key is unique. Grouped, since Great Expectations' own expectation joins the table to itself."""
    names = ", ".join(key)
    select = f"select {names}, count(*) as row_count\nfrom {{batch}}\ngroup by {names}\nhaving count(*) > 1"
    return Check(table, "key_is_unique", f"{names}: no two rows have the same", "error", UNEXPECTED_ROWS, {}, select)


def _query_check(table: str, query: Model) -> Check:
    arguments = dict(query.checks).get(UNEXPECTED_ROWS, {})
    name = query.name if query.family == "ops" else query.name.removeprefix(table.split(".")[1] + "_")
    return Check(table, name, query.description, _severity(arguments), UNEXPECTED_ROWS, arguments, query.select, query)


def _severity(arguments: Mapping[str, Any]) -> str:
    """Great Expectations' critical, warning or info as ours."""
    return "error" if arguments.get("severity", "critical") == "critical" else "warn"


def _validate(
    warehouse: Warehouse, target: Target, checks: Sequence[Check], start: date, end: date
) -> list[CheckResult]:
    """The outcome of each check for the rows of [start, end) as one batch."""
    # Also the days around its own that a check reads; the names that are no event tables have no archived days.
    named = {target.table, *(name for check in checks for name in _QUALIFIED.findall(check.select or ""))}
    reads = [(start, end), *(check.query.reads(start, end) for check in checks if check.query is not None)]
    first, after = min(first for first, _ in reads), max(after for _, after in reads)
    with warehouse.archived_rows(sorted(named), first, after) as schemas:
        events = rename_schemas(target.table, schemas)
        with warehouse.batch_view(events, target.period_column, start, end) as view:
            reading = [_reading(check, schemas, events) for check in checks]
            return _validate_batch(warehouse, target, reading, start, end, view)


def _reading(check: Check, schemas: Mapping[str, str], events: str) -> Check:
    """A check whose SELECT reads archived rows, too, where there are any."""
    if check.select is None or not schemas:
        return check
    return replace(check, select=rename_schemas(check.select, schemas).replace("{events}", events))


def _validate_batch(
    warehouse: Warehouse, target: Target, checks: Sequence[Check], start: date, end: date, relation: str
) -> list[CheckResult]:
    gx = _great_expectations()
    schema, name = relation.split(".")
    source = _data_source(sqlalchemy_url(warehouse.settings, schema))
    asset = source.add_table_asset(name, table_name=name)
    factor = warehouse.settings.volume_factor.of(target.table)
    queries = {check.name: query_text(check, target, relation, start, end, factor) for check in checks if check.select}
    expectations = {check.name: _expectation(check, queries.get(check.name)) for check in checks}
    whole_table = asset.add_batch_definition_whole_table("all")

    def outcomes_of(names: Iterable[str], result_format: Mapping[str, Any]) -> dict[str, Any]:
        suite = gx.ExpectationSuite(name=f"suite_{uuid4().hex}", expectations=[expectations[name] for name in names])
        with raising_lost_connections():  # which it reports as any other error: in words
            validated = whole_table.get_batch().validate(suite, result_format=dict(result_format))
        return {result.expectation_config.meta["check"]: result for result in validated.results}

    try:
        # Whether anything is wrong takes one pass over the rows for all columns; what is wrong, three for each check.
        outcomes = outcomes_of(expectations, {"result_format": "BOOLEAN_ONLY"})
        wrong = [name for name, outcome in outcomes.items() if not outcome.success and name not in queries]
        if wrong:
            outcomes |= outcomes_of(wrong, {
                "result_format": "SUMMARY",
                "partial_unexpected_count": SAMPLE_ROWS,
                "unexpected_index_column_names": list(target.key),
            })  # fmt: skip
    finally:
        source.delete_asset(asset.name)
    return [_result(warehouse, check, outcomes[check.name], queries.get(check.name), start, end) for check in checks]


def _expectation(check: Check, query: str | None) -> Any:
    arguments = dict(check.arguments)
    if query is not None:
        # Without {batch} it prints advice for each query; ours bound their own window.
        arguments |= {"unexpected_rows_query": f"/* {{batch}} */ {query}", "description": check.description}
    if check.expectation == "expect_column_pair_values_a_to_be_greater_than_b":
        arguments.setdefault("ignore_row_if", "either_value_is_missing")
    return _kind(check)(**arguments, meta={"check": check.name})


def _kind(check: Check) -> Any:
    """The class of Great Expectations that a check is one of."""
    if check.select is not None:
        return _counting_rows()
    name = "".join(part.title() for part in check.expectation.split("_"))
    kind = getattr(_great_expectations().expectations, name, None)
    if kind is None:
        raise CheckError(f"{check.table}: Great Expectations has no expectation {check.expectation}")
    return kind


@cache
def _counting_rows() -> Any:
    """Its expectation of a query without rows, which would run the query twice: to count the rows, and to get them."""

    class NoUnexpectedRows(_great_expectations().expectations.UnexpectedRowsExpectation):  # type: ignore[misc]
        metric_dependencies = ("unexpected_rows_query.row_count",)

        def _validate(self, metrics: dict[str, Any], *arguments: Any, **named: Any) -> Any:
            return super()._validate({**metrics, "unexpected_rows_query.table": None}, *arguments, **named)

    return NoUnexpectedRows


def query_text(check: Check, target: Target, relation: str, start: date, end: date, volume_factor: float | None) -> str:
    """The SELECT of a check as it is run; `relation` holds the rows of [start, end)."""
    assert check.select is not None
    # Infinitely many times the usual is never exceeded.
    factor = str(volume_factor or "Infinity")
    parameters = {**window_parameters(start, end), "table": target.table, "volume_factor": factor}
    return (
        bind(check.select, parameters, check.name)
        .replace("{batch}", relation)
        .replace("{events}", target.table)
        .replace("{time_column}", target.time_column)
    )


def _result(warehouse: Warehouse, check: Check, outcome: Any, query: str | None, start: date, end: date) -> CheckResult:
    error = outcome.exception_info.get("exception_message") if isinstance(outcome.exception_info, dict) else None
    if not outcome.success and (error or (query is None and not outcome.result)):
        raise CheckError(
            f"the check {check.name} of {check.table} could not be evaluated: {error or outcome.exception_info}"
        )
    count, sample = 0, []
    if not outcome.success and query is not None:
        rows = warehouse.query(query)
        count, sample = len(rows), rows[:SAMPLE_ROWS]
    elif not outcome.success:
        count = outcome.result["unexpected_count"]
        sample = outcome.result.get("partial_unexpected_index_list") or [
            value if isinstance(value, dict) else {"value": value}
            for value in outcome.result.get("partial_unexpected_list", [])
        ]
    return CheckResult(
        check.table, check.name, start, end, bool(outcome.success), check.severity, check.description, count,
        list(sample)[:SAMPLE_ROWS],
    )  # fmt: skip


class _ScipyStats(ModuleType):
    """Stands in for scipy.stats until somebody asks it for something."""

    def __getattr__(self, name: str) -> Any:
        return getattr(importlib.import_module("scipy.stats"), name)


@cache
def _great_expectations() -> Any:
    """Import Great Expectations, which takes seconds: only a run with checks needs it.

    A third of them go to scipy.stats, which one expectation uses and none of ours: it is loaded when it is used.
    """
    import scipy  # noqa: PLC0415 - as late as what needs it

    if "stats" not in vars(scipy):
        vars(scipy)["stats"] = _ScipyStats("scipy.stats")
    import great_expectations.expectations  # noqa: PLC0415 - see above

    # What it cannot evaluate it says in its results, too, and we raise it; its log would repeat it by the page.
    logging.getLogger("great_expectations").setLevel(logging.CRITICAL)
    return great_expectations


@cache
def _data_source(url: str) -> Any:
    """Great Expectations on our database; one context a process."""
    context = _great_expectations().get_context(mode="ephemeral")
    quiet: Any = {"globally": False}
    context.variables.progress_bars = quiet
    return context.data_sources.add_postgres("warehouse", connection_string=url)
