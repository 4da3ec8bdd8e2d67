"""Finding out what is wrong, in words: each finding says what was looked at, what is the matter and what to type."""

import os
import shlex
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from analytics_etl import embedded
from analytics_etl.catalog import Catalog
from analytics_etl.landing import LandingFile, list_files
from analytics_etl.models import cadence_of
from analytics_etl.settings import Settings
from analytics_etl.warehouse import LOST_CONNECTION, DatabaseError, Warehouse, migrations, outbox
from analytics_etl.warehouse.roles import Tables

OLDEST_POSTGRESQL = 150000
LITTLE_SPACE = 2 << 30
"""Bytes free below which a day of events may not fit."""

GRANTS = "analytics-etl migrate --roles, with ANALYTICS_DATABASE_URL of the owner or a superuser"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    subject: str
    is_well: bool
    detail: str
    advice: str | None = None


def examine(settings: Settings, catalog: Catalog, today: date) -> Iterator[Finding]:
    """Look at everything, from the ground up; what cannot be looked at without the database is left out without it."""
    yield _disk(settings)
    yield from _landing(settings, catalog)
    reachable = _database(settings)
    yield reachable
    if not reachable.is_well:
        return
    warehouse = Warehouse(settings)
    try:
        at, wanted = migrations.current(settings), migrations.head()
    except DatabaseError as error:
        yield Finding("roles", is_well=False, detail=str(error), advice=GRANTS)
        return
    if at != wanted:
        detail = f"the database is at {at or 'no revision'}, the code at {wanted}"
        yield Finding("migrations", is_well=False, detail=detail, advice="analytics-etl migrate")
        return
    yield Finding("migrations", is_well=True, detail=f"at {at}")
    if settings.roles is not None:
        yield _grants(warehouse, catalog)
    yield _files(warehouse)
    yield _waiting(warehouse)
    yield _days(warehouse, catalog, today)
    yield _volume(warehouse)
    yield _checks(warehouse)
    yield _attempts(warehouse)
    yield _views(warehouse, catalog)
    yield _archive(warehouse)
    yield _daemon(warehouse)
    yield _notifications(warehouse)


def _disk(settings: Settings) -> Finding:
    folder = settings.home
    while not os.path.exists(folder):  # noqa: PTH110 - Path.exists() raises below a folder that is closed
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    detail = f"{free / (1 << 30):.1f} GiB free below {folder}"
    if not os.access(folder, os.W_OK):
        return Finding(
            "disk", is_well=False, detail=f"{folder} is not writable", advice="set ANALYTICS_HOME to a folder of yours"
        )
    advice = f"see what takes it: du -xh -d 2 {shlex.quote(str(folder))}; old runs go with analytics-etl prune"
    return Finding("disk", free >= LITTLE_SPACE, detail, advice if free < LITTLE_SPACE else None)


def _landing(settings: Settings, catalog: Catalog) -> Iterator[Finding]:
    contracts = catalog.contracts.values()
    used = {c.family for c in contracts if any(files for _, _, files in os.walk(settings.landing_dir / c.name))}
    for contract in contracts:
        folder = settings.landing_dir / contract.name
        subject = f"landing {contract.name}"
        if closed := _first_closed(folder):
            advice = f"sudo chmod a+rx {shlex.quote(str(closed))}, or run as a user who may read it"
            yield Finding(subject, is_well=False, detail=f"{closed} cannot be read by this user", advice=advice)
            continue
        if folder.exists() and not folder.is_dir():
            advice = f"mv {shlex.quote(str(folder))} elsewhere, then mkdir {shlex.quote(str(folder))}"
            yield Finding(subject, is_well=False, detail=f"{folder} is a file; expected a folder", advice=advice)
            continue
        files = list_files(settings.landing_dir, contract.name, frozenset(catalog.mappings(contract.family)))
        bad = [(file.path, file.problem or "cannot be read by this user") for file in files if _is_bad(file)]
        if not files and used and contract.family not in used:
            yield Finding(subject, is_well=True, detail=f"no files: the family {contract.family} is not used")
        elif not files:
            yield Finding(
                subject, is_well=False, detail=f"no files below {folder}",
                advice="put event files there, or make some: "
                f"analytics-etl sample --to {shlex.quote(str(settings.landing_dir))}",
            )  # fmt: skip
        elif bad:
            path, problem = bad[0]
            detail = f"{len(bad)} of {len(files)} cannot be read, e.g. {path}: it {problem}"
            advice = "mend or move these files, then load their days again: analytics-etl run DATE"
            yield Finding(subject, is_well=False, detail=detail, advice=advice)
        else:
            yield Finding(subject, is_well=True, detail=f"{len(files)} files")


def _first_closed(folder: Path) -> Path | None:
    """The first folder on the way down that this user cannot enter, or the last one if it cannot be listed."""
    for path in (*reversed(folder.parents), folder):
        if os.path.lexists(path) and path.is_dir() and not _may(path, os.X_OK | (os.R_OK if path == folder else 0)):
            return path
    return None


def _is_bad(file: LandingFile) -> bool:
    return file.problem is not None or not _may(file.absolute, os.R_OK)


def _may(path: Path, mode: int) -> bool:
    return os.access(path, mode, effective_ids=os.access in os.supports_effective_ids)


def _database(settings: Settings) -> Finding:
    try:
        if settings.database_url is None and embedded.running_url(settings.home) is None:
            return Finding(
                "database", is_well=False, detail="the embedded server is not running",
                advice="any command that needs it starts it, e.g. analytics-etl migrate",
            )  # fmt: skip
        found = Warehouse(settings).query(
            "select current_setting('server_version_num')::int as number, current_setting('server_version') as version"
        )[0]
    except (*LOST_CONNECTION, DatabaseError, embedded.EmbeddedServerError) as error:
        return Finding(
            "database",
            is_well=False,
            detail=str(error),
            advice='see that the server runs and ANALYTICS_DATABASE_URL names it: psql "$ANALYTICS_DATABASE_URL"',
        )
    if found["number"] < OLDEST_POSTGRESQL:
        detail = f"PostgreSQL {found['version']} is too old"
        advice = "name a PostgreSQL 15 or later, or use the embedded one: unset ANALYTICS_DATABASE_URL"
        return Finding("database", is_well=False, detail=detail, advice=advice)
    return Finding("database", is_well=True, detail=f"PostgreSQL {found['version']}")


def _grants(warehouse: Warehouse, catalog: Catalog) -> Finding:
    wrong = warehouse.missing_grants(Tables(catalog.contracts, catalog.derived))
    if not wrong:
        return Finding("roles", is_well=True, detail="owners and rights are as they should be")
    more = f", and {len(wrong) - 3} more" if len(wrong) > 3 else ""  # noqa: PLR2004 - enough to see what it is
    return Finding("roles", is_well=False, detail="; ".join(wrong[:3]) + more, advice=GRANTS)


def _files(warehouse: Warehouse) -> Finding:
    bad = warehouse.query("select path, state, reason from ops.loaded_files where state <> 'read' order by path")
    if not bad:
        return Finding("files read", is_well=True, detail="all of them to their end")
    first = bad[0]
    detail = f"{len(bad)} were not read as they should, e.g. {first['path']} ({first['state']}): {first['reason']}"
    return Finding(
        "files read",
        is_well=False,
        detail=detail,
        advice="mend the file, then run its day again: analytics-etl run DATE",
    )


def _waiting(warehouse: Warehouse) -> Finding:
    waiting = [row for row in warehouse.waiting_days() if row["rows_waiting"] or row["is_loaded"]]
    if not waiting:
        return Finding("late rows", is_well=True, detail="none are waiting")
    days, late = sorted({row["day"] for row in waiting}), [row for row in waiting if row["rows_waiting"]]
    said = []
    if late:
        number = len({row["day"] for row in late})
        rows = sum(row["rows_waiting"] for row in late)
        said.append(f"{rows} rows of {number} days came after their day was loaded, or before it was asked for")
    if number := len({row["day"] for row in waiting if not row["rows_waiting"]}):
        said.append(f"files of {number} days were replaced since these were loaded, or came late without a valid row")
    detail = "; ".join(said)
    frozen = sorted({day for _, day in warehouse.frozen_days()})
    if frozen:
        detail += f"; {len(frozen)} of these days are final and kept as they are, the first {frozen[0]}"
        advice = f'analytics-etl reopen {frozen[0]} --reason "why"'
        return Finding("late rows", is_well=False, detail=detail, advice=advice)
    return Finding("late rows", is_well=False, detail=detail, advice=f"analytics-etl backfill {days[0]} {days[-1]}")


def _days(warehouse: Warehouse, catalog: Catalog, today: date) -> Finding:
    newest = warehouse.newest_day(list(catalog.contracts))
    if newest is None:
        return Finding("days", is_well=False, detail="no day has been loaded", advice="analytics-etl run DATE")
    tables = [table for table in catalog.in_order() if table not in catalog.views and cadence_of(table) == "day"]
    start = max(newest - timedelta(days=30), warehouse.settings.start_date)
    records = warehouse.partitions(start, newest + timedelta(days=1))
    there = {(r["table_name"], r["period_start"]) for r in records if r["table_name"] in tables}
    first = min(day for _, day in there)
    days = [first + timedelta(days=n) for n in range((newest - first).days + 1)]
    missing = [(day, table) for day in days for table in tables if (table, day) not in there]
    if missing:
        (begin, table), (end, _) = missing[0], missing[-1]
        number = len({day for day, _ in missing})
        detail = f"{number} of the {len(days)} days up to {newest} are missing in some table, e.g. {begin} in {table}"
        return Finding("days", is_well=False, detail=detail, advice=f"analytics-etl backfill {begin} {end}")
    yesterday = today - timedelta(days=1)
    if newest < yesterday:
        detail = f"the newest day is {newest}; yesterday was {yesterday}"
        advice = f"if there are events of these days: analytics-etl backfill {newest + timedelta(days=1)} {yesterday}"
        return Finding("days", is_well=False, detail=detail, advice=advice)
    return Finding("days", is_well=True, detail=f"none missing up to {newest}")


def _checks(warehouse: Warehouse) -> Finding:
    failed = warehouse.query(
        "select table_name, check_name, period_start, description from ops.check_results where not passed "
        "and severity = 'error' order by period_start desc, table_name"
    )
    if not failed:
        return Finding("checks", is_well=True, detail="none of severity error has failed")
    first = failed[0]
    detail = (
        f"{len(failed)} failed, the newest {first['check_name']} of {first['table_name']} on {first['period_start']}: "
        f"{first['description']}"
    )
    return Finding("checks", is_well=False, detail=detail, advice="analytics-etl ui, then the asset's page, Checks")


def _attempts(warehouse: Warehouse) -> Finding:
    failed = warehouse.query(
        "select table_name, day, failure from ops.days where failure is not null order by day desc, table_name"
    )
    if not failed:
        return Finding("last attempts", is_well=True, detail="every day could be written")
    first = failed[0]
    detail = f"{len(failed)} could not be written, e.g. {first['table_name']} {first['day']}: {first['failure']}"
    return Finding("last attempts", is_well=False, detail=detail, advice="analytics-etl backfill --missing")


def _volume(warehouse: Warehouse) -> Finding:
    odd = warehouse.query(
        """
        select table_name, day, rows from ops.days
        where 'volume_is_usual' = any(warned_checks)
          and day > (select max(day) - 30 from ops.days where rows is not null)
        order by day desc, table_name"""
    )
    if not odd:
        return Finding("volume", is_well=True, detail="the last 30 days have as many rows as is usual")
    first = odd[0]
    rows = f"{first['rows']:,} rows" if first["rows"] else "no rows"
    detail = (
        f"{len(odd)} of the last 30 days of tables are empty or far from their weekday's usual volume, the newest "
        f"{first['table_name']} {first['day']} with {rows}"
    )
    advice = f"see that all files of the day are there, then analytics-etl run {first['day']}"
    return Finding("volume", is_well=False, detail=detail, advice=advice)


def _views(warehouse: Warehouse, catalog: Catalog) -> Finding:
    stale = []
    present = warehouse.table_schema(list(catalog.views))
    newest = warehouse.newest_day(list(catalog.contracts))
    for table in catalog.views:
        if table not in present:
            stale.append(table)
        elif "last_day" in present[table]:
            shown = warehouse.query(f"select max(last_day) as day from {table}")[0]["day"]  # noqa: S608 - our own name
            if newest is not None and shown is not None and shown < newest:
                stale.append(table)
    if stale:
        detail = f"{', '.join(stale)} do not show the newest day"
        return Finding("views", is_well=False, detail=detail, advice=f"analytics-etl run {newest or 'DATE'}")
    return Finding("views", is_well=True, detail="up to date")


def _archive(warehouse: Warehouse) -> Finding:
    known = warehouse.query(
        "select table_name, day, manifest ->> 'file' as file, size_bytes from ops.archives where state = 'archived' "
        "order by day, table_name"
    )
    folder = warehouse.settings.archive_dir
    files = [(folder / row["table_name"] / row["file"], row["size_bytes"]) for row in known]
    wrong = [path for path, size in files if not path.exists() or path.stat().st_size != size]
    if wrong:
        detail = f"{len(wrong)} of {len(files)} archived days have no file of the right size, e.g. {wrong[0]}"
        advice = "put the file back from a copy, or set ANALYTICS_ARCHIVE_DIR to where the files are"
        return Finding("archive", is_well=False, detail=detail, advice=advice)
    return Finding("archive", is_well=True, detail=f"{len(files)} days, all files there" if files else "no day yet")


def _daemon(warehouse: Warehouse) -> Finding:
    known = warehouse.table_schema(["dagster.daemon_heartbeats"])
    beating = known and warehouse.query(
        "select count(*) as beating from dagster.daemon_heartbeats where timestamp > now() - interval '5 minutes'"
    )
    if beating and beating[0]["beating"]:
        return Finding("daemon", is_well=True, detail="schedules and backfills are running")
    detail = "no sign of it in the last 5 minutes: schedules and backfills from the UI do not run"
    return Finding("daemon", is_well=False, detail=detail, advice="analytics-etl ui, or start the daemon's service")


def _notifications(warehouse: Warehouse) -> Finding:
    with warehouse.outbox() as connection:
        stuck = outbox.undelivered(connection)
    if not stuck["given_up"] and not stuck["waiting"]:
        return Finding("notifications", is_well=True, detail="none are stuck")
    detail = f"{stuck['waiting']} wait for another attempt, {stuck['given_up']} were given up: {stuck['last_error']}"
    return Finding("notifications", is_well=False, detail=detail, advice="analytics-etl notify --list, then --test")
