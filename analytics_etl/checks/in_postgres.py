"""Checks that PostgreSQL evaluates: it has the rows."""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from datetime import date

from sqlglot import exp

from analytics_etl.checks import predicates
from analytics_etl.checks.declared import SAMPLE_ROWS, Check, Target
from analytics_etl.checks.expectations import broken
from analytics_etl.checks.places import BATCH
from analytics_etl.checks.selects import Broken, Limits, broken_by, counted, query_text
from analytics_etl.postgres.database import Database
from analytics_etl.tables.batches import batch_view


def failed(database: Database, target: Target, checks: Sequence[Check], start: date, end: date) -> dict[str, Broken]:
    """Failed checks of [start, end) by name, with their unexpected rows."""
    if not checks:
        return {}
    limits = Limits.of(database.settings, target.table)
    reads_batch = any(check.select is None or BATCH in check.select for check in checks)
    view = batch_view(database.settings, target.table, target.period_column, start, end)
    with view if reads_batch else nullcontext("") as relation:
        conditions = {check.name: predicates.condition(check, relation) for check in checks if not check.select}
        known = {name: each for name, each in conditions.items() if each is not None}
        return {
            **{
                check.name: found
                for check in checks
                if check.select
                and (found := _unexpected(database, query_text(check, target, relation, start, end, limits)))[0]
            },
            **_by_conditions(database, target, {check.name: check for check in checks}, known, relation),
            **by_great_expectations(
                database, target, [check for check in checks if check.name in conditions.keys() - known], relation
            ),
        }


def by_great_expectations(
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
    (found,) = database.query(predicates.counts(list(conditions.values()), relation))
    return {
        name: (count, database.query(predicates.rows(checks[name], target.key, condition, relation, SAMPLE_ROWS)))
        for count, (name, condition) in zip(found.values(), conditions.items(), strict=True)
        if count
    }


def _unexpected(database: Database, select: str) -> Broken:
    return broken_by(database.query(counted(select)))
