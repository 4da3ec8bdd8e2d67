"""Findings about what everything needs: disk space, readable landing folders, a PostgreSQL that answers."""

import os
import shlex
import shutil
from collections.abc import Collection, Iterator
from pathlib import Path

from analytics_etl.catalog.catalog import Catalog
from analytics_etl.config.settings import Settings
from analytics_etl.landing import LandingFile, list_files
from analytics_etl.monitoring.doctor.finding import Finding
from analytics_etl.pipeline.failed_checks import mend_file
from analytics_etl.pipeline.misplaced import describe, misplaced, what_moves
from analytics_etl.postgres import server as embedded
from analytics_etl.postgres.connection import LOST_CONNECTION, DatabaseError
from analytics_etl.postgres.database import Database
from analytics_etl.text.english import counted

OLDEST_POSTGRESQL = 150000
"""As `server_version_num` has it: 15.0."""
LITTLE_SPACE = 2 << 30
"""Free bytes; a day of events may not fit into less."""


def settings_by_former_names(settings: Settings) -> Finding:
    """Whether a variable is set under its name of an earlier version."""
    detail = "; ".join(settings.renamed) or "every variable has its present name"
    advice = "rename it where it is set: the next version does not know the old name" if settings.renamed else None
    return Finding("settings", not settings.renamed, detail, advice)


def disk(settings: Settings) -> Finding:
    """Free space below the home, and the right to write there."""
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


def landing(settings: Settings, catalog: Catalog, with_files: Collection[str] = ()) -> Iterator[Finding]:
    """The landing folder of each event table: whether it and its files are readable, and whether it has files.

    While other families have files, a family without any counts as unused. `with_files` names the tables that have had
    files before.
    """
    contracts = catalog.contracts.values()
    used = {c.family for c in contracts if any(files for _, _, files in os.walk(settings.landing_dir / c.name))}
    for contract in contracts:
        folder = settings.landing_dir / contract.name
        subject = f"landing {contract.name}"
        if closed := first_closed(folder):
            advice = f"sudo chmod a+rx {shlex.quote(str(closed))}, or run as a user who may read it"
            yield Finding(subject, is_well=False, detail=f"{closed} cannot be read by this user", advice=advice)
            continue
        if folder.exists() and not folder.is_dir():
            advice = f"mv {shlex.quote(str(folder))} elsewhere, then mkdir {shlex.quote(str(folder))}"
            yield Finding(subject, is_well=False, detail=f"{folder} is a file; expected a folder", advice=advice)
            continue
        files = list_files(settings.landing_dirs, contract.name, frozenset(catalog.mappings(contract.family)))
        bad = [(file.path, file.problem or "cannot be read by this user") for file in files if is_bad(file)]
        if not files and used and contract.family not in used:
            yield Finding(subject, is_well=True, detail=f"no files: the family {contract.family} is not used")
        elif not files and contract.family in used and contract.table not in with_files:
            detail = f"no files yet for {contract.table}: nothing to do if it has none"
            yield Finding(subject, is_well=True, is_note=True, detail=detail)
        elif not files:
            yield Finding(
                subject, is_well=False, detail=f"no files below {folder}",
                advice="put event files there, or make some: "
                f"analytics-etl sample --to {shlex.quote(str(settings.landing_dir))}",
            )  # fmt: skip
        elif bad:
            path, problem = bad[0]
            detail = f"{len(bad)} of {counted(len(files), 'file')} cannot be read, e.g. {path}: it {problem}"
            advice = f"{mend_file(path, is_known=False)}\nthen: analytics-etl backfill --missing"
            yield Finding(subject, is_well=False, detail=detail, advice=advice)
        else:
            yield Finding(subject, is_well=True, detail=counted(len(files), "file"))


def landing_folder(settings: Settings, catalog: Catalog) -> Iterator[Finding]:
    """Files in the landing folder that belong to no table, so that nothing reads them. A closed folder is left to the
    findings of the tables.
    """
    subject, found = "landing folder", misplaced(settings, catalog)
    if found:
        advice = "\n".join(what_moves(settings, catalog, found))
        yield Finding(subject, is_well=False, detail=describe(settings, found), advice=advice)
    elif not first_closed(settings.landing_dir):
        yield Finding(subject, is_well=True, detail="everything in it belongs to a table")


def first_closed(folder: Path) -> Path | None:
    """The first folder on the path that this user cannot enter, or `folder` itself if it cannot be listed."""
    for path in (*reversed(folder.parents), folder):
        if os.path.lexists(path) and path.is_dir() and not _may(path, os.X_OK | (os.R_OK if path == folder else 0)):
            return path
    return None


def is_bad(file: LandingFile) -> bool:
    """Whether a file cannot be read at all, as its metadata shows."""
    return file.problem is not None or not _may(file.absolute, os.R_OK)


def _may(path: Path, mode: int) -> bool:
    return os.access(path, mode, effective_ids=os.access in os.supports_effective_ids)


def database(settings: Settings) -> Finding:
    """Whether PostgreSQL answers and is not too old."""
    try:
        if settings.database_url is None and embedded.running_url(settings.home) is None:
            return Finding(
                "database", is_well=False, detail="the embedded server is not running",
                advice="any command that needs it starts it, e.g. analytics-etl migrate",
            )  # fmt: skip
        found = Database(settings).query(
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
