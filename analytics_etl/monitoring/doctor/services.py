"""Findings about SQL files, rights, views, the lake, archives of an earlier version, the daemon and notifications."""

from collections.abc import Mapping
from datetime import date

from analytics_etl.archive import ArchiveFolder
from analytics_etl.catalog.catalog import Catalog, kept_in_lake
from analytics_etl.checks.due import REASONS
from analytics_etl.lake import LakeError, open_lake
from analytics_etl.monitoring.doctor.finding import GRANTS, Finding
from analytics_etl.ops import archives, lake_files, outbox
from analytics_etl.ops.days import newest_with_rows
from analytics_etl.ops.partitions import archived_files, newest_day
from analytics_etl.pipeline.due_views import due_views
from analytics_etl.postgres.columns import column_types
from analytics_etl.postgres.database import Database
from analytics_etl.postgres.roles import Tables, problems
from analytics_etl.tables.views import view_versions
from analytics_etl.text.english import counted, shortened

_TAKEN_OVER = "the nightly retention takes them over into the lake, as does analytics-etl archive"

QUIET_MINUTES = 5
"""A daemon without a heartbeat for so long does not run; it sends one each half minute."""


def sql_files(catalog: Catalog) -> Finding:
    """Broken files below `sql/`, and what is not made because of them."""
    broken = catalog.broken_files
    if not broken:
        return Finding("sql files", is_well=True, detail="every one can be used")
    parts = [shortened([file.reason for file in broken], separator="; ")]
    if catalog.broken:
        parts.append(f"not made or loaded: {shortened(sorted(catalog.broken))}")
    if checks := catalog.broken_checks:
        parts.append(f"checks that fail until then: {shortened(list(checks))}")
    if reports := [family for family in catalog.families if catalog.broken_reports(family)]:
        parts.append(f"reports that are not written: those of {shortened(reports)}")
    if any(catalog.may_be_read_by(table) for table in catalog.contracts):
        parts.append("raw days that these may read are neither archived nor dropped")
    advice = f"mend {shortened(sorted({str(file.path) for file in broken}))}\nthen: analytics-etl backfill --missing"
    return Finding("sql files", is_well=False, detail="; ".join(parts), advice=advice)


def grants(database: Database, catalog: Catalog) -> Finding:
    """Roles with wrong owners or rights."""
    given, tables = database.settings.roles, Tables(catalog.contracts, catalog.derived)
    wrong = [] if given is None else database.run(problems, given, tables)
    if not wrong:
        return Finding("roles", is_well=True, detail="owners and rights are as they should be")
    return Finding("roles", is_well=False, detail=shortened(wrong, separator="; "), advice=GRANTS)


def views(database: Database, catalog: Catalog) -> Finding:
    """Views that are missing, of an earlier version, or older than what they read."""
    # Not those with due checks: the finding about checks reports them together with tables.
    unmade = {view: why for view, why in due_views(database, catalog).items() if why not in REASONS.values()}
    if unmade and set(unmade) - set(database.run(view_versions, list(catalog.views))):
        return _views_to_make(unmade)
    stale = []
    present = database.run(column_types, list(catalog.views))
    newest = database.run(newest_day, list(catalog.contracts))
    with_rows = database.read(newest_with_rows)
    for table, view in catalog.views.items():
        if "last_day" in present[table]:
            shown = database.query(f"select max(last_day) as day from {table}")[0]["day"]  # noqa: S608 - our own name
            # A view has no row of an empty day.
            days = [with_rows[name] for name in view.dependencies if name in with_rows]
            if shown is not None and days and shown < max(days):
                stale.append(table)
    if stale:
        detail = f"{', '.join(stale)} {'does' if len(stale) == 1 else 'do'} not show the newest day"
        return Finding("views", is_well=False, detail=detail, advice=f"analytics-etl run {newest}")
    return _views_to_make(unmade) if unmade else Finding("views", is_well=True, detail="up to date")


def _views_to_make(unmade: Mapping[str, str]) -> Finding:
    detail = shortened([f"{view} is {why}" for view, why in unmade.items()], separator="; ")
    return Finding("views", is_well=False, detail=detail, advice="analytics-etl backfill --missing")


def archive(database: Database) -> list[Finding]:
    """Days that an earlier version archived, as long as the lake does not have them: whether their files are there."""
    known = database.read(archived_files)
    if not known:
        return []
    folder, number = ArchiveFolder(database.settings.archive_dir), counted(len(known), "archived day")
    days = [(row["table_name"], row["day"], row["size_bytes"]) for row in known]
    wrong = [folder.file(table, day) for table, day, size in days if not folder.has(table, day, size)]
    if wrong:
        detail = f"{len(wrong)} of {number} without a file of the right size, e.g. {wrong[0]}"
        advice = "put the file back from a copy, or set ANALYTICS_ARCHIVE_DIR to where the files are"
        return [Finding("archive", is_well=False, detail=detail, advice=advice)]
    detail = f"{number} of an earlier version, all files there; {_TAKEN_OVER}"
    return [Finding("archive", is_well=True, detail=detail)]


def lake(database: Database) -> Finding:
    """Current files of the lake that are missing or of the wrong size, and partitions that are not in the lake."""
    catalog = Catalog.of(database.settings)
    tables = sorted(kept_in_lake(catalog))
    found = database.read(lake_files.current, tables, date.min, date.max)
    files = [file for of_table in found.values() for file in of_table]
    try:
        wrong = open_lake(database.settings).problems(files)
    except LakeError as error:
        return Finding("lake", is_well=False, detail=str(error), advice="mend that, then: analytics-etl doctor")
    if wrong:
        detail = f"{len(wrong)} of {counted(len(files), 'file')} missing or damaged: {wrong[0]}"
        advice = "put the files back from a copy, or set ANALYTICS_LAKE to where they are"
        return Finding("lake", is_well=False, detail=detail, advice=advice)
    detail = f"{counted(len(files), 'file')}, all there" if files else "no day yet"
    if days := sum(len(database.read(archives.days_to_take_over, table)) for table in catalog.contracts):
        detail += f"; {counted(days, 'day')} of an earlier version, read in PostgreSQL; {_TAKEN_OVER}"
    derived = [table for table in tables if table not in catalog.contracts]
    without = database.read(lake_files.partitions_without_file, derived, date.min, date.max)
    if others := sum(map(len, without.values())):
        detail += f"; {counted(others, 'partition')} of derived tables of before there was a lake, read in PostgreSQL"
    return Finding("lake", is_well=True, detail=detail)


def daemon(database: Database) -> Finding:
    """Whether Dagster's daemon runs, by its heartbeat. One that ended minutes ago still counts as running."""
    if heard := heard_lately(database):
        return Finding("daemon", is_well=True, detail=f"schedules and backfills are running; {heard}")
    detail = f"no sign of it in the last {QUIET_MINUTES} minutes: schedules and backfills from the UI do not run"
    return Finding("daemon", is_well=False, detail=detail, advice="analytics-etl ui, or start the daemon's service")


def heard_lately(database: Database) -> str | None:
    """When the daemon was last heard of, in words; None when that is QUIET_MINUTES ago or more, or never was."""
    if not database.run(column_types, ["dagster.daemon_heartbeats"]):
        return None
    (found,) = database.query(
        "select floor(extract(epoch from now() - max(timestamp)) / 60)::int as minutes from dagster.daemon_heartbeats"
    )
    minutes = found["minutes"]
    if minutes is None or minutes >= QUIET_MINUTES:
        return None
    return f"last heard of {counted(minutes, 'minute') if minutes > 0 else 'less than a minute'} ago"


def notifications(database: Database) -> Finding:
    """Messages that could not be delivered."""
    with database.transaction() as connection:
        stuck = outbox.undelivered(connection)
    if not stuck["given_up"] and not stuck["waiting"]:
        return Finding("notifications", is_well=True, detail="none are stuck")
    detail = f"waiting for another attempt: {stuck['waiting']}, given up: {stuck['given_up']}; {stuck['last_error']}"
    return Finding("notifications", is_well=False, detail=detail, advice="analytics-etl notify --list, then --test")
