"""Findings about what stands around the days: rights, views, the archive, the daemon, messages."""

from collections.abc import Mapping

from analytics_etl.catalog.catalog import Catalog
from analytics_etl.checks.due import REASONS
from analytics_etl.monitoring.doctor.finding import GRANTS, Finding
from analytics_etl.ops import outbox
from analytics_etl.ops.archives import archived_files
from analytics_etl.ops.days import newest_with_rows
from analytics_etl.ops.partitions import newest_day
from analytics_etl.pipeline.due_views import unmade_views
from analytics_etl.postgres.columns import column_types
from analytics_etl.postgres.database import Database
from analytics_etl.postgres.roles import Tables, problems
from analytics_etl.tables.derived import view_versions
from analytics_etl.text.english import counted, shortened

QUIET_MINUTES = 5
"""A daemon that is not heard of for so long is not there; it gives a sign each half minute."""


def sql_files(catalog: Catalog) -> Finding:
    """Files below `sql/` that cannot be used, and what is not made because of them."""
    broken = catalog.broken_files
    if not broken:
        return Finding("sql files", is_well=True, detail="every one can be used")
    said = [shortened([file.reason for file in broken], separator="; ")]
    if catalog.broken:
        said.append(f"not made or loaded: {shortened(sorted(catalog.broken))}")
    if checks := catalog.broken_checks:
        said.append(f"checks that fail until then: {shortened(list(checks))}")
    if reports := [family for family in catalog.families if catalog.broken_reports(family)]:
        said.append(f"reports that are not written: those of {shortened(reports)}")
    if any(catalog.may_be_read_by(table) for table in catalog.contracts):
        said.append("raw days that these may read are neither archived nor dropped")
    advice = f"mend {shortened(sorted({str(file.path) for file in broken}))}\nthen: analytics-etl backfill --missing"
    return Finding("sql files", is_well=False, detail="; ".join(said), advice=advice)


def grants(database: Database, catalog: Catalog) -> Finding:
    """Rights of the roles that are not as they should be."""
    given, tables = database.settings.roles, Tables(catalog.contracts, catalog.derived)
    wrong = [] if given is None else database.run(problems, given, tables)
    if not wrong:
        return Finding("roles", is_well=True, detail="owners and rights are as they should be")
    return Finding("roles", is_well=False, detail=shortened(wrong, separator="; "), advice=GRANTS)


def views(database: Database, catalog: Catalog) -> Finding:
    """Views that are missing, of an earlier version, or older than what they read."""
    # Those whose checks have not run are told with the tables of which that holds.
    unmade = {view: why for view, why in unmade_views(database, catalog).items() if why not in REASONS.values()}
    if unmade and set(unmade) - set(database.run(view_versions, list(catalog.views))):
        return _views_to_make(unmade)
    stale = []
    present = database.run(column_types, list(catalog.views))
    newest = database.run(newest_day, list(catalog.contracts))
    with_rows = database.read(newest_with_rows)
    for table, view in catalog.views.items():
        if "last_day" in present[table]:
            shown = database.query(f"select max(last_day) as day from {table}")[0]["day"]  # noqa: S608 - our own name
            # Of an empty day it has no row to show.
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


def archive(database: Database) -> Finding:
    """Archived days, and whether their files are there."""
    known = database.read(archived_files)
    folder = database.settings.archive_dir
    files = [(folder / row["table_name"] / row["file"], row["size_bytes"]) for row in known]
    wrong = [path for path, size in files if not path.exists() or path.stat().st_size != size]
    if wrong:
        number = counted(len(files), "archived day")
        detail = f"{len(wrong)} of {number} without a file of the right size, e.g. {wrong[0]}"
        advice = "put the file back from a copy, or set ANALYTICS_ARCHIVE_DIR to where the files are"
        return Finding("archive", is_well=False, detail=detail, advice=advice)
    detail = f"{counted(len(files), 'day')}, all files there" if files else "no day yet"
    return Finding("archive", is_well=True, detail=detail)


def daemon(database: Database) -> Finding:
    """Whether Dagster's daemon has been heard of lately. Of one that ended a moment ago nothing says so."""
    if heard := heard_lately(database):
        return Finding("daemon", is_well=True, detail=f"schedules and backfills are running; {heard}")
    detail = f"no sign of it in the last {QUIET_MINUTES} minutes: schedules and backfills from the UI do not run"
    return Finding("daemon", is_well=False, detail=detail, advice="analytics-etl ui, or start the daemon's service")


def heard_lately(database: Database) -> str | None:
    """When the daemon was last heard of; None when that is long ago, or never was."""
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
