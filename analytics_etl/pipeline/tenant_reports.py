"""Writing the reports of tenants: one for each tenant with rows of a period, beside the report about everything.

The folder of a tenant below the reports is a folder of reports of its own, with its own index, and can be handed to the
tenant as a whole. PostgreSQL sees to it that no row of somebody else is read; without the role of tenants, which not
every user may create, nobody has such a report. The books are about all tenants together: of them a tenant's report has
the states of days, without the numbers of rows.
"""

import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from analytics_etl.catalog.calendar import CADENCES, NAMES, Name, period_start, report_path
from analytics_etl.catalog.catalog import Catalog
from analytics_etl.catalog.models import window_parameters
from analytics_etl.disk.whole_files import whole_file
from analytics_etl.postgres import tenants
from analytics_etl.postgres.snapshot import Snapshot
from analytics_etl.reporting import module_file, render_html, render_json, section_windows

TENANTS_FOLDER = "tenants"
_NAME = "tenant.json"
"""Who the tenant of a folder is: the name of the folder cannot be read back."""

Build = Callable[..., dict[str, Any]]
"""`reporting.build_report` for a period: it takes the sections, the tenant and its neighbours."""


def tenant_folder(folder: Path, tenant: str) -> Path:
    """The folder of the reports of a tenant."""
    return folder / TENANTS_FOLDER / module_file(tenant) / "reports"


def write_tenant_reports(
    moment: Snapshot, catalog: Catalog, folder: Path, period: tuple[str, Name, date, date],
    days: Sequence[Mapping[str, Any]], build: Build, *, is_anew: bool,
) -> None:  # fmt: skip
    """Write those of a period (family, cadence, start, end), and remove those of tenants without rows.

    `days` are the rows of the section `days`. Reports that say what they said before are not drawn again unless
    `is_anew`, because the code is another one.
    """
    family, cadence, start, end = period
    if not moment.read(tenants.is_there):
        return
    path = report_path(family, cadence, start, "json")
    found = moment.query(catalog.query(f"{family}.tenants_to_report").select, {}, start, end)
    wanted = {tenant_folder(folder, row["tenant_id"]): row for row in found}
    for gone in [file for file in _files(folder, path) if _folder_of(file) not in wanted]:
        _remove(gone)
    known = [{**row, "row_count": None if row["row_count"] is None else 0, "rows_waiting": 0, "is_unusual": False}
             for row in days]  # fmt: skip
    for own, row in wanted.items():
        sections = {"days": known, **_sections(moment, catalog, period, row["tenant_id"])}
        around = [None if day is None else _start(cadence, day) for day in (row["previous_day"], row["next_day"])]
        value = build(sections, tenant=row["tenant_id"], neighbours=tuple(around))
        _write(own, path, value, folder, is_anew=is_anew)


def remove_of_tenants(folder: Path, reports: Iterable[Path]) -> None:
    """Remove the reports of tenants that stand beside some reports."""
    for report in reports:
        for file in list(_files(folder, report.relative_to(folder).as_posix())):
            _remove(file)


def folders_to_index(folder: Path) -> list[Path]:
    """The folders of tenants whose index is missing or older than what changed in them."""
    found = []
    for own in sorted(folder.glob(f"{TENANTS_FOLDER}/*/reports")):
        changed_at = max((path.stat().st_mtime_ns for path in own.glob("*/*/")), default=0)
        index = own / "index.json"
        if not index.exists() or index.stat().st_mtime_ns <= changed_at:
            found.append(own)
    return found


def listed_tenants(folder: Path) -> list[dict[str, str]]:
    """The tenants with reports: {tenant, href of their index}, as the index of all reports lists them."""
    names = sorted(folder.glob(f"{TENANTS_FOLDER}/*/reports/{_NAME}"))
    return [
        {**json.loads(path.read_text(encoding="utf-8")), "href": f"{path.parent.relative_to(folder)}/index.html"}
        for path in names
    ]


def _files(folder: Path, path: str) -> Iterator[Path]:
    """The files of tenants that are called like the file of a report, by its path below the reports."""
    return (own / path for own in folder.glob(f"{TENANTS_FOLDER}/*/reports") if (own / path).exists())


def _remove(report: Path) -> None:
    """Remove the files of a report, and all of a tenant that has no other."""
    for suffix in (".html", ".json"):
        report.with_suffix(suffix).unlink(missing_ok=True)
    if not any(_folder_of(report).glob("*/*/*.json")):
        shutil.rmtree(_folder_of(report).parent)


def _folder_of(report: Path) -> Path:
    return report.parents[2]


def _sections(
    moment: Snapshot, catalog: Catalog, period: tuple[str, Name, date, date], tenant: str
) -> dict[str, list[dict[str, Any]]]:
    """The rows of each query of the report of a tenant, as this tenant sees them."""
    family, cadence, start, end = period
    queries, found = catalog.reports(family), {}
    with moment.as_tenant(tenant):
        for name, window in section_windows(family, cadence, start, end, tenant).items():
            before = window_parameters(window.previous_start, window.previous_end)
            parameters = {"previous_start": before["start"], "previous_end": before["end"], "family": family}
            found[name] = moment.query(queries[name].select, parameters, window.start, window.end)
    return found


def _write(own: Path, path: str, value: Mapping[str, Any], folder: Path, *, is_anew: bool) -> None:
    """Write the files of a report unless they are there and say the same."""
    text = render_json(value)
    written = own / path
    if not is_anew and written.exists() and written.read_text(encoding="utf-8") == text:
        return
    html = (path.removesuffix("json") + "html", render_html(value))
    name = (_NAME, render_json({"tenant": value["tenant"]}))
    for file, content in (name, html, (path, text)):  # the JSON last, which tells whether the page is there
        with whole_file(own / file, folder) as part:
            part.write_text(content, encoding="utf-8")


def _start(cadence: Name, day: date) -> date:
    kind = next(each for each in CADENCES if NAMES[each] == cadence)
    return period_start(kind, day)
