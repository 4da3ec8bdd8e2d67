"""Findings about failures: checks, refused changes, attempts to write a day."""

from collections.abc import Mapping
from datetime import date

from analytics_etl.catalog.calendar import stretches
from analytics_etl.catalog.catalog import Catalog
from analytics_etl.monitoring.doctor.finding import Finding, days_of_tables
from analytics_etl.ops import check_results
from analytics_etl.ops.days import failed_attempts
from analytics_etl.pipeline.failed_checks import failed_checks, run_again, what_mends
from analytics_etl.postgres.database import Database
from analytics_etl.text.english import counted, shortened


def checks(database: Database, catalog: Catalog, reported: Mapping[str, str]) -> Finding:
    """Failed checks of severity error.

    `reported` is {path of a file: subject of the finding that reports it}. A check that names only such files refers to
    that finding.
    """
    failed = failed_checks(database, catalog)
    if not failed:
        return Finding("checks", is_well=True, detail="none of severity error has failed")
    own = [
        check for check in failed if not check.is_broken and not (check.files and set(check.files) <= set(reported))
    ]  # fmt: skip
    first = (own or failed)[0]
    newest = ", the newest " if len(failed) > 1 else ": "
    detail = f"{counted(len(failed), 'failed check')}{newest}{first}; what reads the day waits for it"
    others = [check for check in failed if check not in own]
    subjects = sorted(
        {"sql files" for check in others if check.is_broken}
        | {reported[path] for check in others if not check.is_broken for path in check.files}
    )
    follows = [f"see {' and '.join(subjects)}: once that is mended, so is this"] if subjects else []
    if subjects and own:
        follows = [f"{counted(len(others), 'of them', 'of them')}: {follows[0]}"]
    advice = [*follows, *(what_mends(own, database.settings.start_date) if own else [])]
    return Finding("checks", is_well=False, detail=detail, advice="\n".join(advice))


def refused(database: Database) -> set[date]:
    """The days with a refused change."""
    return {day for _, day in database.read(check_results.refused_changes)}


def refused_changes(database: Database) -> Finding:
    """Refused changes of final days, with the commands that publish them."""
    found = database.read(check_results.refused_changes)
    if not found:
        return Finding("changes", is_well=True, detail="none of final days was refused")
    of = [f"{table} {day}" for table, day in found]
    look = f"analytics-etl changes {found[0][1]} {found[-1][1]}"
    publish = [
        f'analytics-etl {_run(first, last)} --accept-change --reason "why"'
        for first, last in stretches({day for _, day in found})
    ]
    detail = f"refused, since the day is final: {shortened(of)}; the old rows stay until somebody looks and accepts"
    return Finding("changes", is_well=False, detail=detail, advice=shortened([look, *publish], separator="\n"))


def _run(first: date, last: date) -> str:
    return f"run {first}" if first == last else f"backfill {first} {last}"


def last_attempts(database: Database) -> Finding:
    """Days whose last run failed."""
    failed = database.read(failed_attempts)
    if not failed:
        return Finding("last attempts", is_well=True, detail="every day could be written")
    first = failed[0]
    which = days_of_tables(failed)
    detail = f"{which} could not be written, e.g. {first['table_name']} {first['day']}: {first['failure']}"
    commands = run_again({row["day"] for row in failed})
    advice = shortened(["mend what it says, then:", *commands], separator="\n")
    return Finding("last attempts", is_well=False, detail=detail, advice=advice)
