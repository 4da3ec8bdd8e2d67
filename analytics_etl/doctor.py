"""Finding out what is wrong, in words: each finding says what was looked at, what is the matter and what to type."""

import os
import shlex
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

from analytics_etl import embedded
from analytics_etl.catalog import Catalog
from analytics_etl.english import counted, shortened
from analytics_etl.landing import LandingFile, list_files
from analytics_etl.late import new_files
from analytics_etl.missing import FAILED, LATE, REPLACED, UNWRITTEN, known_days, make_plan
from analytics_etl.partitions import stretches
from analytics_etl.settings import Settings
from analytics_etl.warehouse import CHANGE_CHECK, LOST_CONNECTION, DatabaseError, Warehouse, migrations, outbox
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
    """What to do; of several commands each on a line of its own."""


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
    daemon = _daemon(warehouse)
    yield _new_files(warehouse, catalog, is_daemon_running=daemon.is_well)
    yield _waiting(warehouse, today)
    yield from _days(warehouse, catalog, today)
    yield _volume(warehouse)
    yield _checks(warehouse)
    yield _refused(warehouse)
    yield _attempts(warehouse)
    yield _views(warehouse, catalog)
    yield _archive(warehouse)
    yield daemon
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
            detail = f"{len(bad)} of {counted(len(files), 'file')} cannot be read, e.g. {path}: it {problem}"
            advice = "mend or move these files, then load their days again: analytics-etl run DATE"
            yield Finding(subject, is_well=False, detail=detail, advice=advice)
        else:
            yield Finding(subject, is_well=True, detail=counted(len(files), "file"))


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
    return Finding("roles", is_well=False, detail=shortened(wrong, separator="; "), advice=GRANTS)


def _files(warehouse: Warehouse) -> Finding:
    bad = warehouse.query("select path, state, reason from ops.loaded_files where state <> 'read' order by path")
    if not bad:
        return Finding("files read", is_well=True, detail="all of them to their end")
    first = bad[0]
    detail = (
        f"{counted(len(bad), 'file')} not read to the end, e.g. {first['path']} ({first['state']}): {first['reason']}"
    )
    return Finding(
        "files read",
        is_well=False,
        detail=detail,
        advice="mend the file, then run its day again: analytics-etl run DATE",
    )


def _new_files(warehouse: Warehouse, catalog: Catalog, *, is_daemon_running: bool) -> Finding:
    """Files that nothing has looked at yet: what they hold is in no other finding."""
    folder = warehouse.settings.landing_dir
    new = [
        file.path
        for contract in catalog.contracts.values()
        if not _first_closed(folder / contract.name)
        for file in new_files(contract, catalog, warehouse)
        if not _is_bad(file)
    ]
    if not new:
        return Finding("new files", is_well=True, detail="all files have been looked at")
    detail = f"{counted(len(new), 'landing file')} not looked at yet, new or replaced, e.g. {new[0]}"
    if is_daemon_running:
        return Finding("new files", is_well=True, detail=f"{detail}: the daemon does within minutes")
    advice = "analytics-etl backfill --missing"
    return Finding("new files", is_well=False, detail=f"{detail}: no daemon is there that would", advice=advice)


def _waiting(warehouse: Warehouse, today: date) -> Finding:
    """Rows of days that can be run: those of today wait until it is over."""
    can_run = warehouse.settings.start_date, today - timedelta(days=1)
    waiting = [
        row
        for row in warehouse.waiting_days()
        if can_run[0] <= row["day"] <= can_run[1] and (row["rows_waiting"] or row["is_loaded"])
    ]
    if not waiting:
        return Finding("late rows", is_well=True, detail="none are waiting")
    late = [row for row in waiting if row["rows_waiting"]]
    said = []
    if late:
        rows = counted(sum(row["rows_waiting"] for row in late), "row")
        number = counted(len({row["day"] for row in late}), "day")
        said.append(f"{rows} of {number} came after the day was loaded, or before it was asked for")
    if days := {row["day"] for row in waiting if not row["rows_waiting"]}:
        said.append(f"files of {counted(len(days), 'day')} were replaced since, or came late without a valid row")
    frozen = sorted({day for _, day in warehouse.frozen_days()})
    if frozen:
        said.append(f"final, and left as they are: {shortened(frozen)}")
    commands = [f'analytics-etl reopen {day} --reason "why"' for day in frozen]
    if {row["day"] for row in waiting} - set(frozen):
        commands.insert(0, "analytics-etl backfill --missing")
    return Finding("late rows", is_well=False, detail="; ".join(said), advice=shortened(commands, separator="\n"))


def _days(warehouse: Warehouse, catalog: Catalog, today: date) -> Iterator[Finding]:
    """What `backfill --missing` would run, without what the other findings tell of; and how new the newest day is."""
    newest, yesterday = warehouse.newest_day(list(catalog.contracts)), today - timedelta(days=1)
    if newest is None:
        yield Finding("days", is_well=False, detail="no day has been loaded", advice="analytics-etl run DATE")
        return
    known = known_days(warehouse, yesterday)
    if known is not None:
        plan = make_plan(warehouse, catalog, *known)
        gaps = [gap for gap in plan.gaps if gap.why not in (FAILED, UNWRITTEN, LATE, REPLACED)]
        reasons = replace(plan, gaps=gaps).reasons()
        first, last = known
        if reasons:
            which = shortened(reasons, separator="; ")
            detail = f"{counted(len(gaps), 'partition')} to run from {first} to {last}: {which}"
            yield Finding("days", is_well=False, detail=detail, advice="analytics-etl backfill --missing")
        else:
            yield Finding("days", is_well=True, detail=f"none missing or outdated from {first} to {last}")
    if newest < yesterday:
        detail = f"{newest}; yesterday was {yesterday}"
        advice = f"if there are events of these days: analytics-etl backfill {newest + timedelta(days=1)} {yesterday}"
        yield Finding("newest day", is_well=False, detail=detail, advice=advice)
    else:
        yield Finding("newest day", is_well=True, detail=str(newest))


def _checks(warehouse: Warehouse) -> Finding:
    failed = warehouse.query(
        "select table_name, check_name, period_start, description from ops.check_results where not passed "
        "and severity = 'error' and check_name <> :change_check order by period_start desc, table_name",
        {"change_check": CHANGE_CHECK},
    )
    if not failed:
        return Finding("checks", is_well=True, detail="none of severity error has failed")
    first = failed[0]
    detail = (
        f"{len(failed):,} failed, the newest {first['check_name']} of {first['table_name']} on "
        f"{first['period_start']}: {first['description']}"
    )
    return Finding("checks", is_well=False, detail=detail, advice="analytics-etl ui, then the asset's page, Checks")


def _refused(warehouse: Warehouse) -> Finding:
    refused = warehouse.query(
        "select table_name, period_start as day from ops.check_results where not passed and check_name = :change_check "
        "order by period_start, table_name",
        {"change_check": CHANGE_CHECK},
    )
    if not refused:
        return Finding("changes", is_well=True, detail="none of final days was refused")
    of = [f"{row['table_name']} {row['day']}" for row in refused]
    days = list(stretches({row["day"] for row in refused}))
    look = f"analytics-etl changes {refused[0]['day']} {refused[-1]['day']}"
    publish = [f'analytics-etl {_run(first, last)} --accept-change --reason "why"' for first, last in days]
    detail = f"refused, since the day is final: {shortened(of)}; the old rows stay until somebody looks and accepts"
    return Finding("changes", is_well=False, detail=detail, advice=shortened([look, *publish], separator="\n"))


def _run(first: date, last: date) -> str:
    return f"run {first}" if first == last else f"backfill {first} {last}"


def _attempts(warehouse: Warehouse) -> Finding:
    failed = warehouse.query(
        "select table_name, day, failure from ops.days where failure is not null order by day desc, table_name"
    )
    if not failed:
        return Finding("last attempts", is_well=True, detail="every day could be written")
    first = failed[0]
    number = counted(len(failed), "day")
    detail = f"{number} of tables could not be written, e.g. {first['table_name']} {first['day']}: {first['failure']}"
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
    rows = counted(first["rows"], "row") if first["rows"] else "no rows"
    detail = (
        f"of the last 30 days {counted(len(odd), 'day')} of tables empty or far from the weekday's usual volume, the "
        f"newest {first['table_name']} {first['day']} with {rows}"
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
        detail = f"{', '.join(stale)} {'does' if len(stale) == 1 else 'do'} not show the newest day"
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
        number = counted(len(files), "archived day")
        detail = f"{len(wrong)} of {number} without a file of the right size, e.g. {wrong[0]}"
        advice = "put the file back from a copy, or set ANALYTICS_ARCHIVE_DIR to where the files are"
        return Finding("archive", is_well=False, detail=detail, advice=advice)
    detail = f"{counted(len(files), 'day')}, all files there" if files else "no day yet"
    return Finding("archive", is_well=True, detail=detail)


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
    detail = f"waiting for another attempt: {stuck['waiting']}, given up: {stuck['given_up']}; {stuck['last_error']}"
    return Finding("notifications", is_well=False, detail=detail, advice="analytics-etl notify --list, then --test")
