"""Routes about the pipeline: days, runs, checks, changes, tables, exports, metrics. No answer is remembered."""

import logging
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends, Query
from starlette.responses import PlainTextResponse, Response

from analytics_etl.api.answers import Answer
from analytics_etl.api.openapi import documented
from analytics_etl.api.problems import Problem
from analytics_etl.api.serving import Asked, AskedWhole, Cursor, Limit, router
from analytics_etl.catalog.catalog import Catalog
from analytics_etl.catalog.models import cadence_of
from analytics_etl.config.values import FIRST_DAY, LAST_DAY
from analytics_etl.families.queries import Page
from analytics_etl.families.queries.keyset import Key
from analytics_etl.families.queries.texts import check_texts
from analytics_etl.monitoring.metrics import expose
from analytics_etl.ops import listing
from analytics_etl.pipeline.exports import ManifestError, folder_of_tenant, read_index, read_table
from analytics_etl.postgres.connection import Connection

_ARRIVED = {
    "table_name": "Event table.",
    "event_count": "Events of the day in the files that were read; an event that came twice counts twice.",
    "rejected_count": "Rows that do not fit their contract.", "file_count": "Files with events of the day.",
    "read_at": "When the newest of these files was read.",
}  # fmt: skip
routes = router("/api/v1/pipeline", "pipeline")

_log = logging.getLogger(__name__)
_PREFIX = "/api/v1/pipeline"
_COLUMNS = {
    "name": "The table.", "kind": "events, aggregate or view.", "cadence": "day, week or month; null for a view.",
    "description": "What a row is.", "columns": "{column: its meaning}.", "reads": "The tables it is made of.",
    "owners": "Who is told when something is wrong with it.", "row_count": "Rows of all its periods.",
    "size_bytes": "Bytes in PostgreSQL.", "first_day": "Start of its first period.",
    "newest_day": "Start of its newest period.", "changed_at": "When its content last changed.",
}  # fmt: skip
_EXPORTS = {
    "table_name": "The table.", "cadence": "Length of the period: daily, weekly or monthly.",
    "period_start": "First day of the period.", "is_final": "Whether its rows can change no more.",
    "row_count": "Its rows.", "format": "csv or parquet.", "path": "The file, below the folder of the exports.",
    "size_bytes": "Its bytes.", "sha256": "Its checksum.", "updated_at": "When the rows of the period last changed.",
}  # fmt: skip
Table = Annotated[str, Query(max_length=200, description="A table with its family; all of them by default.")]
From = Annotated[date, Query(alias="from", description="First day.")]
To = Annotated[date, Query(alias="to", description="Last day, which is included.")]

_DAYS, _CHANGES, _RUNS = Key({"day": date, "table_name": str}), Key({"change_id": int}), Key({"run_number": int})
_FILES = Key({"table_name": str, "period_start": str, "format": str})
_CHECKS = Key({"period_start": date, "table_name": str, "check_name": str})


class About:
    """The periods that a request is about."""

    def __init__(self, table: Table = "", first: From = FIRST_DAY, last: To = LAST_DAY) -> None:
        self.wanted: Mapping[str, Any] = {"table": table, "first": first, "last": last}


def _listed(
    asked: Asked, list_rows: Callable[[Connection, Mapping[str, Any]], list[dict[str, Any]]], key: Key, limit: int,
    cursor: str | None, about: About | None = None, **more: Any,
) -> Response:  # fmt: skip
    """A page of one of the books."""
    wanted = {**(about.wanted if about else {}), **more}
    check_texts(wanted)
    found = asked.database.run(list_rows, {**wanted, **key.parameters(cursor, limit)})
    page: Page = key.page(found, limit)
    return asked.respond(Answer(page.rows, columns=list(page.rows[0]) if page.rows else (), next_cursor=page.next))


@routes.get("/days", **documented(f"{_PREFIX}/days?table=registry.overview_daily"))
def days(
    asked: Annotated[Asked, Depends()], about: Annotated[About, Depends()],
    limit: Limit = 100, cursor: Cursor = None,
) -> Response:  # fmt: skip
    """The state of each day of each table, newest first: expected, provisional, final, failed and so on."""
    return states_of_days(asked, about, limit, cursor)


def states_of_days(asked: Asked, about: About, limit: int, cursor: str | None, family: str | None = None) -> Response:
    """A page of the states of days of all tables, or of those of a family."""
    return _listed(asked, listing.days, _DAYS, limit, cursor, about=about, family=family)


@routes.get("/today", **documented(f"{_PREFIX}/today", _ARRIVED, {"day": {"type": "string", "format": "date"}}))
def today(asked: Annotated[AskedWhole, Depends()]) -> Response:
    """How many events of the day under way have arrived so far, by table. Nothing is made of them before it is over."""
    day = datetime.now(UTC).date()
    rows = asked.database.run(listing.arrived, day)
    return asked.respond(Answer(rows, fields={"day": day}, columns=list(_ARRIVED), is_final=False))


@routes.get("/checks", **documented(f"{_PREFIX}/checks?failed_only=true&limit=5"))
def checks(
    asked: Annotated[Asked, Depends()], about: Annotated[About, Depends()],
    failed_only: Annotated[bool, Query(description="Only those that failed.")] = False,  # noqa: FBT002 - by its name
    limit: Limit = 100, cursor: Cursor = None,
) -> Response:  # fmt: skip
    """The latest result of each check of each period, newest first."""
    return _listed(asked, listing.checks, _CHECKS, limit, cursor, about=about, failed_only=failed_only)


@routes.get("/changes", **documented(f"{_PREFIX}/changes?limit=5"))
def changes(
    asked: Annotated[Asked, Depends()], about: Annotated[About, Depends()],
    limit: Limit = 100, cursor: Cursor = None,
) -> Response:  # fmt: skip
    """How numbers that were published changed afterwards, the newest change first."""
    return _listed(asked, listing.changes, _CHANGES, limit, cursor, about=about)


@routes.get("/runs", **documented(f"{_PREFIX}/runs?limit=5"))
def runs(asked: Annotated[Asked, Depends()], limit: Limit = 100, cursor: Cursor = None) -> Response:
    """The runs of Dagster that are kept, the newest first."""
    return _listed(asked, listing.runs, _RUNS, limit, cursor)


@routes.get("/tables", **documented(f"{_PREFIX}/tables", _COLUMNS))
def tables(asked: Annotated[AskedWhole, Depends()]) -> Response:
    """Every table: what it holds, what it is made of, whose it is, how large it is."""
    catalog, sizes = Catalog.of(asked.settings), asked.database.run(listing.sizes)
    rows = []
    for name in catalog.in_order():
        is_raw, is_view = name in catalog.contracts, catalog.is_view(name)
        found: dict[str, Any] = {
            "name": name, "kind": "events" if is_raw else "view" if is_view else "aggregate",
            "cadence": None if is_view else cadence_of(name),
            "description": (catalog.contracts[name] if is_raw else catalog.derived[name]).description,
            "columns": catalog.column_docs(name),
            "reads": [] if is_raw else list(catalog.derived[name].dependencies),
            "owners": list(asked.settings.owners.of(name)), **sizes.get(name, {}),
        }  # fmt: skip
        rows.append({column: found.get(column) for column in _COLUMNS})
    return asked.respond(Answer(rows, columns=list(_COLUMNS)))


@routes.get("/exports", **documented(f"{_PREFIX}/exports?limit=5", _EXPORTS))
def exports(
    asked: Annotated[Asked, Depends()], table: Table = "",
    tenant: Annotated[str | None, Query(max_length=200, description="Whose own; else those of the platform.")] = None,
    limit: Limit = 100, cursor: Cursor = None,
) -> Response:  # fmt: skip
    """The exported files with their checksums, by table and period; paths begin in the folder of the exports."""
    folder = asked.settings.exports_dir
    try:
        top = folder if tenant is None else folder_of_tenant(folder, tenant)
    except ValueError as error:
        raise Problem(422, str(error)) from None
    after = _FILES.parameters(cursor, limit)
    key = (str(after["after_table_name"]), str(after["after_period_start"]), str(after["after_format"]))
    try:
        files = (file for file in _exported(top, table, key[0]) if after["is_first_page"] or _place(file) > key)
        found = list(islice(files, limit + 1))
    except ManifestError as error:
        _log.error("%s", error)
        raise Problem(503, "the exports cannot be read; the log says which file, and what to do") from None
    page: Page = _FILES.page(found, limit)
    return asked.respond(Answer(page.rows, columns=list(_EXPORTS), next_cursor=page.next))


def _exported(folder: Path, wanted: str, first: str) -> Iterator[dict[str, Any]]:
    """The files of one table or of each, from a table on, in order."""
    index = read_index(folder)
    for name in sorted(entry["table"] for entry in (index["tables"] if index else ())):
        if name < first or wanted not in ("", name):
            continue
        manifest = read_table(folder, name)
        if manifest is None:  # taken out since
            continue
        for partition in manifest["partitions"]:
            for file in sorted(partition["files"], key=lambda file: file["format"]):
                yield {
                    "table_name": name, "cadence": manifest["cadence"], "period_start": partition["start"],
                    "is_final": partition["is_final"], "row_count": partition["rows"], "format": file["format"],
                    "path": file["path"], "size_bytes": file["size_bytes"], "sha256": file["sha256"],
                    "updated_at": partition["last_updated"],
                }  # fmt: skip


def _place(file: Mapping[str, Any]) -> tuple[str, str, str]:
    return file["table_name"], file["period_start"], file["format"]


@routes.get("/metrics", response_class=PlainTextResponse)
def metrics(asked: Annotated[Asked, Depends()]) -> PlainTextResponse:
    """The state of the pipeline as Prometheus metrics."""
    return PlainTextResponse(expose(asked.settings, Catalog.of(asked.settings), lambda: datetime.now(UTC)))
