"""Findings about landing files: unread ones, rejected rows, misspelt columns, new files."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from analytics_etl.catalog.catalog import Catalog
from analytics_etl.landing import list_files
from analytics_etl.monitoring.doctor.finding import Finding
from analytics_etl.monitoring.doctor.surroundings import first_closed, is_bad
from analytics_etl.ops import files
from analytics_etl.ops.days import final_days
from analytics_etl.ops.partitions import newest_day_of_all
from analytics_etl.pipeline.failed_checks import mend_file, run_again
from analytics_etl.pipeline.late import new_files
from analytics_etl.pipeline.misspelt import misspelt_columns
from analytics_etl.pipeline.rejections import SEE_ALL, RejectedFile, RejectedRows, of_days, undated_files
from analytics_etl.postgres.database import Database
from analytics_etl.text.english import counted, shortened

BACKFILL = "analytics-etl backfill --missing"
MOST_ADVISED = 3
"""Files for which a finding gives advice."""
RECENT = timedelta(days=31)
"""Before the newest day: rejected rows of these days are always reported."""

_SEE_UNREAD = """psql "$(analytics-etl db-url)" -c "select path, reason from ops.loaded_files where state <> 'read'\""""
_WHAT = {"gone": "is gone", "cut_off": "could be read in part only", "rejected": "could not be read"}


def files_read(database: Database, reported: Mapping[str, str]) -> tuple[Finding, dict[str, str]]:
    """Landing files that were not read to their end, except those that another finding reports.

    `reported` is {path: subject of the finding that reports it}; it is returned with the files of this finding added.
    """
    unread = database.read(files.unread)
    own = [row for row in unread if row["path"] not in reported]
    if not own:
        more = f"; {counted(len(unread), 'file')} reported above" if unread else ""
        return Finding("files read", is_well=True, detail=f"all of them to their end{more}"), dict(reported)
    texts = [f"{row['path']} {_WHAT[row['state']]}{_reason(row)}" for row in own]
    advice = [mend_file(row["path"], is_gone=row["state"] == "gone") for row in own[:MOST_ADVISED]]
    if len(own) > MOST_ADVISED:
        advice.append(f"and the same for {counted(len(own) - MOST_ADVISED, 'more file')}: {_SEE_UNREAD}")
    days = {day for row in own for day in row["days"]}
    commands = [f"then: {command}" for command in run_again(days, _final(database, days))]
    detail = shortened(texts, MOST_ADVISED, "; ")
    finding = Finding(
        "files read", is_well=False, detail=detail, advice="\n".join([*advice, *(commands or [_after()])])
    )
    return finding, {**reported, **{row["path"]: "files read" for row in own}}


def _after() -> str:
    return f"then: {BACKFILL}"


def _reason(row: Mapping[str, Any]) -> str:
    return f": {row['reason']}" if row["reason"] and row["state"] != "gone" else ""


def _final(database: Database, days: set[date]) -> set[date]:
    """The days that are final in at least one table."""
    return days & database.read(final_days, min(days), max(days)) if days else set()


def bad_files(database: Database, catalog: Catalog) -> dict[str, str]:
    """{path: subject of the finding that reports it} of files that cannot be read, as their metadata shows."""
    return {
        file.path: f"landing {contract.name}"
        for contract in catalog.contracts.values()
        if not first_closed(database.settings.landing_dir / contract.name)
        for file in list_files(
            database.settings.landing_dirs, contract.name, frozenset(catalog.mappings(contract.family))
        )
        if is_bad(file)
    }


def rejected_rows(database: Database, reported: Mapping[str, str]) -> tuple[Finding, dict[str, str]]:
    """Rejected rows of recent days, and files with rejected rows without a day, those read last first.

    Whether a day has too many is judged by its checks; rows without a day may be in no check, so they are judged here.
    `reported` is taken and returned as by `files_read`.
    """
    subject = "rejected rows"
    since = _recent(database)
    dated = of_days(database, since or date.min, date.max)
    found = [file for file in undated_files(database) if file.path not in reported]
    many = [file for file in found if file.is_much]
    if not dated and not found:
        detail = f"there are none{f' since {since}' if since else ''}"
        return Finding(subject, is_well=True, detail=detail), dict(reported)
    detail = "; ".join([*_undated(found, many), *map(str, dated)])
    if not many:
        return Finding(subject, is_well=True, detail=detail, advice=_replay(dated, found)), dict(reported)
    advice = "\n".join([*_mends(many), _after()])
    reported = {**reported, **{file.path: subject for file in many}}
    return Finding(subject, is_well=False, detail=detail, advice=advice), reported


def columns(database: Database) -> Finding:
    """Unknown columns of files that resemble a column the file lacks. They may be right: a note, no error."""
    found = misspelt_columns(database)
    if not found:
        return Finding("columns", is_well=True, detail="none is likely misspelt")
    advice = f"if that is meant, write the files anew under their names, then: {BACKFILL}"
    return Finding("columns", is_well=True, is_note=True, detail=shortened(found, separator="; "), advice=advice)


def _recent(database: Database) -> date | None:
    """The first of the recent days; None when no day is loaded."""
    newest = database.read(newest_day_of_all)
    return None if newest is None else newest - RECENT


def _undated(found: list[RejectedFile], many: list[RejectedFile]) -> list[str]:
    if not found:
        return []
    what = f"{counted(len(found), 'file')} with rejected rows that tell no day"
    few = "" if many else "; no more than 1 % of any"
    return [f"{what}: {shortened([str(file) for file in many or found], separator='; ')}{few}"]


def _replay(dated: list[RejectedRows], undated: list[RejectedFile]) -> str:
    """How to load the rows that were rejected."""
    paths = {*(path for rows in dated for path in rows.paths), *(file.path for file in undated)}
    file = "the file under its name" if len(paths) == 1 else "the files under their names"
    return f"to see them: {SEE_ALL}\nto load them, mend {file}, then: {BACKFILL}"


def _mends(rejected: list[RejectedFile]) -> list[str]:
    more = len(rejected) - MOST_ADVISED
    return [
        *(mend_file(file.path) for file in rejected[:MOST_ADVISED]),
        *([f"and the same for {counted(more, 'more file')}"] if more > 0 else []),
    ]


def unseen_files(database: Database, catalog: Catalog, heard: str | None) -> Finding:
    """Files that no scan or run has read yet, so that no other finding knows what they hold.

    `heard` says when the daemon was last heard of; None if it does not run.
    """
    folder = database.settings.landing_dir
    new = [
        file.path
        for contract in catalog.contracts.values()
        if not first_closed(folder / contract.name)
        for file in new_files(contract, catalog, database)
        if not is_bad(file)
    ]
    if not new:
        return Finding("new files", is_well=True, detail="all files have been looked at")
    detail = f"{counted(len(new), 'landing file')} not looked at yet, new or replaced, e.g. {new[0]}"
    if heard is not None:
        return Finding("new files", is_well=True, detail=f"{detail}: the daemon, {heard}, does within minutes")
    return Finding("new files", is_well=False, detail=f"{detail}: no daemon runs that would", advice=BACKFILL)
