"""Evaluation of checks for partitions: finds the rows, archived ones too, and judges them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from sqlglot import exp

from analytics_etl.catalog.models import bind, rename_schemas, window_parameters
from analytics_etl.checks import predicates
from analytics_etl.checks.declared import SAMPLE_ROWS, Check, Target
from analytics_etl.checks.expectations import Broken, broken
from analytics_etl.ops.records import CheckResult
from analytics_etl.postgres.database import Database
from analytics_etl.tables.batches import archived_rows, batch_view

WITHHELD = "(withheld)"
_COUNT = "analytics_etl_unexpected_rows"
_COUNTED = "select found.*, count(*) over () as {count} from (\n{select}\n) as found limit {limit}"
_QUALIFIED = re.compile(r"\b[a-z]\w*\.[a-z]\w*\b")
_OWN_ROWS = re.compile(r"\{(batch|events)\}")
"""Placeholders of a SELECT that reads the rows of its table. One without them reads only `ops`: it needs no archive."""


def evaluate(
    database: Database, target: Target, checks: Sequence[Check], periods: Mapping[date, date]
) -> list[CheckResult]:
    """Evaluate checks for consecutive partitions (start -> end, exclusive): one result for each check and partition.

    All partitions are judged at once. Only checks that fail then are judged partition by partition.
    """
    unusable = [_unusable(check, first, after) for check in checks if check.problem for first, after in periods.items()]
    checks = [check for check in checks if not check.problem]
    return [*unusable, *(_evaluate_periods(database, target, checks, periods) if checks else [])]


def _unusable(check: Check, start: date, end: date) -> CheckResult:
    """The result of a broken check: a failure without unexpected rows."""
    return CheckResult(
        check.table, check.name, start, end, False, check.severity, check.description, 0, [], check.code_version,  # noqa: FBT003 - as the others
    )  # fmt: skip


def _evaluate_periods(
    database: Database, target: Target, checks: Sequence[Check], periods: Mapping[date, date]
) -> list[CheckResult]:
    """Evaluate checks for all partitions at once, then the failed ones for each partition."""
    start, end = min(periods), max(periods.values())
    results = _evaluate(database, target, checks, start, end)
    if len(periods) == 1:
        return results
    wrong = [check for check, result in zip(checks, results, strict=True) if not result.passed]
    found = [
        replace(result, start=first, end=after)
        for result in results
        if result.passed
        for first, after in periods.items()
    ]
    for first, after in periods.items() if wrong else ():
        found += _evaluate(database, target, wrong, first, after)
    return found


def _evaluate(database: Database, target: Target, checks: Sequence[Check], start: date, end: date) -> list[CheckResult]:
    """One result of each check for all rows of [start, end)."""
    # A check may read days around its own. Names that are no event tables do no harm: they have no archived days.
    named = {name for check in checks for name in _QUALIFIED.findall(check.select or "")}
    if any(map(_reads_own_rows, checks)):
        named.add(target.table)
    reads = [(start, end), *(check.query.reads(start, end) for check in checks if check.query is not None)]
    first, after = min(first for first, _ in reads), max(after for _, after in reads)
    required = _required_days(target, checks, start, end)
    with archived_rows(database.settings, sorted(named), first, after, required) as schemas:
        events = rename_schemas(target.table, schemas)
        with batch_view(database.settings, events, target.period_column, start, end) as view:
            renamed = [_with_archived_rows(check, schemas, events) for check in checks]
            wrong = _failed(database, target, renamed, start, end, view)
    return [
        CheckResult(
            check.table, check.name, start, end, check.name not in wrong, check.severity, check.description,
            *_without_personal(target, check, *wrong.get(check.name, (0, []))), check.code_version,
        )
        for check in checks
    ]  # fmt: skip


def _without_personal(target: Target, check: Check, count: int, sample: list[dict[str, Any]]) -> Broken:
    """Count and sample without personal data: results are kept for longer than personal data may be."""
    hidden = {*target.personal, "content"}  # `content` is a rejected row
    if hidden & {str(value) for value in check.arguments.values()}:
        hidden.add("value")
    return count, [{name: WITHHELD if name in hidden else value for name, value in row.items()} for row in sample]


def _required_days(
    target: Target, checks: Sequence[Check], start: date, end: date
) -> list[tuple[Sequence[str], date, date]]:
    """(tables, start, end) that each check reads. These rows must exist: no check may judge days that were dropped."""
    needed: list[tuple[Sequence[str], date, date]] = []
    for check in checks:
        own = [target.table] if _reads_own_rows(check) else []
        if check.query is not None:
            needed.append(([*check.query.dependencies, *own], *check.query.reads(start, end)))
        elif own:
            needed.append((own, start, end))
    return needed


def _reads_own_rows(check: Check) -> bool:
    return check.select is None or bool(_OWN_ROWS.search(check.select))


def _with_archived_rows(check: Check, schemas: Mapping[str, str], events: str) -> Check:
    """The check with a SELECT that reads archived rows, too, if there are any."""
    if check.select is None or not schemas:
        return check
    return replace(check, select=rename_schemas(check.select, schemas).replace("{events}", events))


def _failed(
    database: Database, target: Target, checks: Sequence[Check], start: date, end: date, relation: str
) -> dict[str, Broken]:
    """Failed checks by name, with their unexpected rows. `relation` holds the rows of [start, end)."""
    selects = {check.name: _query(database, check, target, relation, start, end) for check in checks if check.select}
    conditions = {check.name: predicates.condition(check, relation) for check in checks if not check.select}
    known = {name: each for name, each in conditions.items() if each is not None}
    others = [check for check in checks if check.name in conditions.keys() - known]
    return {
        **{name: rows for name, select in selects.items() if (rows := _rows(database, select))[0]},
        **_by_conditions(database, target, {check.name: check for check in checks}, known, relation),
        **_by_great_expectations(database, target, others, relation),
    }


def _by_great_expectations(
    database: Database, target: Target, checks: Sequence[Check], relation: str
) -> dict[str, Broken]:
    """Evaluate the expectations that `predicates` does not know."""
    if not checks:
        return {}
    from analytics_etl.postgres.sqlalchemy_engine import sqlalchemy_url  # noqa: PLC0415 - rare, and slow to import

    url = sqlalchemy_url(database.settings, relation.split(".", maxsplit=1)[0])
    return broken(url, relation, target.key, checks)


def _by_conditions(
    database: Database, target: Target, checks: Mapping[str, Check], conditions: Mapping[str, exp.Expr],
    relation: str,
) -> dict[str, Broken]:  # fmt: skip
    """Count the unexpected rows of all checks in one pass over the table; then query samples for the failed ones."""
    if not conditions:
        return {}
    (counted,) = database.query(predicates.counts(list(conditions.values()), relation))
    found = {}
    for count, (name, condition) in zip(counted.values(), conditions.items(), strict=True):
        if count:
            rows = predicates.rows(checks[name], target.key, condition, relation, SAMPLE_ROWS)
            found[name] = count, database.query(rows)
    return found


def _rows(database: Database, select: str) -> Broken:
    """The number of rows of a SELECT, and a sample."""
    counted = _COUNTED.replace("{count}", _COUNT).replace("{limit}", str(SAMPLE_ROWS)).replace("{select}", select)
    rows = database.query(counted)
    return (rows[0][_COUNT] if rows else 0), [{n: v for n, v in row.items() if n != _COUNT} for row in rows]


def _query(database: Database, check: Check, target: Target, relation: str, start: date, end: date) -> str:
    settings = database.settings
    limits = Limits(settings.volume_factor.of(target.table), settings.most_events.of(target.table))
    return query_text(check, target, relation, start, end, limits)


@dataclass(frozen=True)
class Limits:
    """Limits from the settings for one table, which checks of the family `ops` use; None = no limit."""

    volume_factor: float | None = None
    most_events: int | None = None


def query_text(check: Check, target: Target, relation: str, start: date, end: date, limits: Limits) -> str:
    """The SELECT of a check with its parameters filled in; `relation` holds the rows of [start, end)."""
    assert check.select is not None
    # No volume exceeds infinity times the usual one.
    factor, most = limits.volume_factor or "Infinity", limits.most_events or 2**63 - 1
    parameters = {
        **window_parameters(start, end), "table": target.table, "volume_factor": str(factor), "most_events": str(most)
    }  # fmt: skip
    return (
        bind(check.select, parameters, check.name)
        .replace("{batch}", relation)
        .replace("{events}", target.table)
        .replace("{time_column}", target.time_column)
    )
