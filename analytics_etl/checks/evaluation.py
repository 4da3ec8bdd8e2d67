"""Evaluation of checks for partitions, by the engine that has the rows: `in_lake` or `in_postgres`."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from typing import Any

from analytics_etl.checks import in_postgres
from analytics_etl.checks.declared import Check, CheckError, Target
from analytics_etl.checks.in_lake import LakeWindow
from analytics_etl.checks.places import Places, need_of, reads_of
from analytics_etl.checks.selects import Broken, Limits, query_text
from analytics_etl.engines.session import LakeSession, lake_session
from analytics_etl.ops import dropped
from analytics_etl.ops.held import held
from analytics_etl.ops.places import views_among
from analytics_etl.ops.records import CheckResult
from analytics_etl.postgres.database import Database

__all__ = ["Limits", "evaluate", "query_text"]

WITHHELD = "(withheld)"


def evaluate(
    database: Database, target: Target, checks: Sequence[Check], periods: Mapping[date, date]
) -> list[CheckResult]:
    """Evaluate checks for consecutive partitions (start -> end, exclusive): one result for each check and partition.

    All partitions are judged at once. Only checks that fail then are judged partition by partition.
    """
    unusable = [_unusable(check, first, after) for check in checks if check.problem for first, after in periods.items()]
    checks = [check for check in checks if not check.problem]
    with ExitStack() as resources:
        evaluation = _Evaluation(database, target, resources)
        return [*unusable, *(evaluation.of_periods(checks, periods) if checks else [])]


def _unusable(check: Check, start: date, end: date) -> CheckResult:
    """The result of a broken check: a failure without unexpected rows."""
    return CheckResult(
        check.table, check.name, start, end, False, check.severity, check.description, 0, [], check.code_version,  # noqa: FBT003 - as the others
    )  # fmt: skip


@dataclass(frozen=True)
class _Evaluation:
    """Evaluates checks of one table, with one session of DuckDB if any of them needs it."""

    database: Database
    target: Target
    resources: ExitStack

    def of_periods(self, checks: Sequence[Check], periods: Mapping[date, date]) -> list[CheckResult]:
        """Evaluate checks for all partitions at once, then the failed ones for each partition."""
        results = self.of_window(checks, min(periods), max(periods.values()))
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
            found += self.of_window(wrong, first, after)
        return found

    def of_window(self, checks: Sequence[Check], start: date, end: date) -> list[CheckResult]:
        """One result of each check for all rows of [start, end)."""
        places = self._places(checks, start, end)
        for_lake = [check for check in checks if places.is_for_lake(reads_of(self.target, check, start, end))]
        wrong: dict[str, Broken] = {}
        if for_lake:
            wrong, unknown = LakeWindow(
                self.database, self._session, self.target, for_lake, places, start, end
            ).failed()
            for_lake = [check for check in for_lake if check.name not in unknown]
            self._refuse_unknown(checks, places, unknown, start, end)
        others = [check for check in checks if check not in for_lake]
        wrong |= in_postgres.failed(self.database, self.target, others, start, end)
        return [
            CheckResult(
                check.table, check.name, start, end, check.name not in wrong, check.severity, check.description,
                *_without_personal(self.target, check, *wrong.get(check.name, (0, []))), check.code_version,
            )
            for check in checks
        ]  # fmt: skip

    def _places(self, checks: Sequence[Check], start: date, end: date) -> Places:
        """Where the rows lie that checks read. Raise DatabaseError if a needed day was dropped."""
        reads = [reads_of(self.target, check, start, end) for check in checks]
        tables = sorted({table for each in reads for table in each.tables})
        with self.database.transaction() as connection:
            dropped.refuse(connection, [need_of(self.target, check, start, end) for check in checks])
            found = held(connection, tables, min(each.start for each in reads), max(each.end for each in reads))
            return Places(found, views_among(connection, tables))

    @cached_property
    def _session(self) -> LakeSession:
        settings = self.database.settings
        return self.resources.enter_context(lake_session(settings.engine_memory_mb, settings.temporary_dir))

    def _refuse_unknown(
        self, checks: Sequence[Check], places: Places, unknown: Mapping[str, str], start: date, end: date
    ) -> None:
        """Raise CheckError for a check that DuckDB could not evaluate, if PostgreSQL lacks rows that it reads."""
        for check in checks:
            if check.name in unknown and places.is_only_for_lake(reads_of(self.target, check, start, end)):
                origin = check.query.path if check.query else f"{check.table} {check.name}"
                raise CheckError(
                    f"{origin}: DuckDB, which reads the lake, does not know something in it, and PostgreSQL does not "
                    f"have all rows; write it so that both know it: {unknown[check.name]}"
                )


def _without_personal(target: Target, check: Check, count: int, sample: list[dict[str, Any]]) -> Broken:
    """Count and sample without personal data: results are kept for longer than personal data may be."""
    hidden = {*target.personal, "content"}  # `content` is a rejected row
    if hidden & {str(value) for value in check.arguments.values()}:
        hidden.add("value")
    return count, [{name: WITHHELD if name in hidden else value for name, value in row.items()} for row in sample]
