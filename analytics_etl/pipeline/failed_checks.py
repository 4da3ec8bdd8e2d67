"""Failed checks of severity error: what each found, whether another run may pass, and what a person can do.

A run of the same files with the same code and the same check fails in the same way. Not here: refused changes, which
wait for somebody to accept them.
"""

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from analytics_etl.catalog.calendar import stretches
from analytics_etl.catalog.catalog import Catalog
from analytics_etl.checks.declared import declared_checks
from analytics_etl.ops import check_results, files
from analytics_etl.postgres.database import Database
from analytics_etl.text.english import counted

_READABLE_CHECK = "files_are_readable"
MOST_FILES = 3
"""Files that a message has advice for."""
LONGEST_ROW = 200
"""Characters of a row that a message shows."""

_SEE_FAILED = (
    'psql "$(analytics-etl db-url)" -c "select table_name, check_name, period_start, sample from ops.check_results '
    'where not passed"'
)


@dataclass(frozen=True)
class FailedCheck:
    """A check that failed in one partition."""

    table: str
    name: str
    start: date
    description: str
    count: int
    sample: Sequence[Mapping[str, Any]]
    checked_at: datetime
    is_final: bool
    has_changed: bool
    """Whether rows, files or the check have changed since, so that another run may pass."""
    is_broken: bool = False
    """Whether the file of the check is broken: then it fails for any rows."""

    @property
    def files(self) -> list[str]:
        """The landing files that its sample rows name."""
        return sorted({row["path"] for row in self.sample if "path" in row})

    def __str__(self) -> str:
        rows = "a row breaks" if self.count == 1 else f"{self.count:,} rows break"
        found = f"{self.name} of {self.table} {self.start}: {rows} the rule “{self.description.strip().rstrip('.')}”"
        if not self.sample:
            return found
        shown = ", ".join(f"{name} {value}" for name, value in self.sample[0].items())
        return f"{found}, e.g. {shown[:LONGEST_ROW]}"


def failed_checks(database: Database, catalog: Catalog) -> list[FailedCheck]:
    """All failed checks of severity error, the newest partition first."""
    versions = {
        (check.table, check.name): check.code_version for of in declared_checks(catalog).values() for check in of
    }
    broken = {(check.table, check.name) for of in declared_checks(catalog).values() for check in of if check.problem}
    states = database.read(files.states)

    def has_changed(row: Mapping[str, Any]) -> bool:
        declared = versions.get((row["table_name"], row["check_name"]), row["code_version"])
        paths = [found["path"] for found in row["sample"] if "path" in found]
        is_read = row["check_name"] == _READABLE_CHECK and any(states.get(path) == "read" for path in paths)
        is_forgotten = any(path not in states for path in paths)
        is_other = row["code_version"] is not None and declared != row["code_version"]
        return row["is_older"] or row["has_new_file"] or is_read or is_forgotten or is_other

    return [
        FailedCheck(
            row["table_name"], row["check_name"], row["period_start"], row["description"], row["unexpected_count"],
            row["sample"], row["checked_at"], row["is_final"], has_changed(row),
            (row["table_name"], row["check_name"]) in broken,
        )
        for row in database.read(check_results.failed)
    ]  # fmt: skip


def mend_file(path: str, *, is_gone: bool = False, is_known: bool = True) -> str:
    """Advice on a file that cannot be loaded: what to do before its days are run again."""
    forget = f'analytics-etl forget {shlex.quote(path)} --reason "why"'
    if is_gone:
        return f"put {path} back, or, if it is gone for good: {forget}"
    then = "then" if is_known else "then, if it was read before"
    return f"mend {path} under its name; or move it out of the landing folder, {then}: {forget}"


def run_again(days: Iterable[date], final: Iterable[date] = ()) -> list[str]:
    """The commands that run some days again; final days with `--accept-change`."""
    final = set(final)
    return [
        f"analytics-etl {f'run {first}' if first == last else f'backfill {first} {last}'}{ending}"
        for ending, some in (
            ("", set(days) - final),
            (' --accept-change --reason "why"', final & set(days)),
        )
        for first, last in stretches(some)
    ]


def what_mends(failed: Sequence[FailedCheck], first_day: date) -> list[str]:
    """Advice on failed checks: what to change, then the commands to run; each line once."""
    if all(check.is_broken for check in failed):
        return ["mend the file of the check, then: analytics-etl backfill --missing"]
    files = sorted({path for check in failed for path in check.files})
    lines = [mend_file(path) for path in files[:MOST_FILES]]
    if len(files) > MOST_FILES:
        lines.append(f"and the same for {counted(len(files) - MOST_FILES, 'more file')}: {_SEE_FAILED}")
    days = [max(check.start, first_day) for check in failed]
    commands = run_again(days, [check.start for check in failed if check.is_final])
    lines += [("then: " if files and n == 0 else "") + command for n, command in enumerate(commands)]
    derived = sorted({check.table for check in failed if not check.files})
    if derived:
        lines.append(
            f"if that fails again, the rows of {derived[0]} or the check are wrong: mend the files they come from, its "
            "SELECT or the check below sql/, then the same again"
        )
    return lines


def stuck(failed: Iterable[FailedCheck]) -> dict[tuple[str, date], list[FailedCheck]]:
    """{(table, start): failed checks} of the partitions in which nothing changed, so that they would fail again."""
    found: dict[tuple[str, date], list[FailedCheck]] = {}
    changed = set()
    for check in failed:
        found.setdefault((check.table, check.start), []).append(check)
        if check.has_changed:
            changed.add((check.table, check.start))
    return {partition: checks for partition, checks in found.items() if partition not in changed}
