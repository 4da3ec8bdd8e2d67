"""Writing the pages of modules: those whose content differs from what their files show, as of the newest day.

Which ones these are PostgreSQL says: a mark of each module's rows of the same queries that make its page. A file beside
the pages has the marks of those that are written, so the pages of 10,000 modules cost a day what its modules cost.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from analytics_etl.catalog.catalog import Catalog
from analytics_etl.catalog.models import Model, window_parameters
from analytics_etl.disk.whole_files import remove_leftovers, whole_file
from analytics_etl.ops.partitions import last_change, newest_day
from analytics_etl.pipeline.due_reports import rendering_version
from analytics_etl.postgres.columns import column_types
from analytics_etl.postgres.database import Database
from analytics_etl.postgres.snapshot import Snapshot
from analytics_etl.reporting import (
    LISTS,
    PAGES_FOLDER,
    SUFFIXES,
    Suffix,
    build_module,
    build_modules,
    module_entry,
    module_path,
    module_window,
    render_badge,
    render_json,
    render_module,
    render_modules,
)
from analytics_etl.schemas.health import WEIGHTS
from analytics_etl.tables.group_marks import group_marks

_QUERIES = (
    "health", "recommendations", "scores", "versions", "changes", "unused", "deprecated", "weeks", "consumers",
    "clients",
)  # fmt: skip
_HEALTH = "registry.module_health_daily"
_CACHE = ".module_pages.json"
_BATCH = 500
"""Modules whose rows are in memory at a time."""

Written = dict[str, dict[str, Any]]
"""{module: its entry in the list, and the mark of what its page shows}."""


def write_module_pages(database: Database, catalog: Catalog) -> int:
    """Write the pages that are missing or show something else than the tables now; returns their number.

    Without the tables, which the first run of the registry makes, there is none. Raise ModelError if a query is broken.
    """
    if _HEALTH not in catalog.aggregates:
        return 0
    queries = {name: catalog.query(f"registry.module_page_{name}") for name in _QUERIES}
    folder = database.settings.reports_dir
    with database.snapshot() as moment:
        newest = moment.read(newest_day, [_HEALTH])
        tables = sorted({table for query in queries.values() for table in query.dependencies})
        if newest is None or len(moment.read(column_types, tables)) < len(tables):
            return 0
        unused_days = int(catalog.parameters["schema_unused_days"])
        reading = _Reading(moment, queries, *module_window(newest), unused_days)
        seen, (seen_before, written), there = reading.seen(), _read(folder / _CACHE), _files(folder)
        # Most runs are of other families: the rows are not read again to find them as they were.
        marks = reading.marks() if seen != seen_before else {module: of["mark"] for module, of in written.items()}
        due = [
            module
            for module, mark in sorted(marks.items())
            if written.get(module, {}).get("mark") != mark or not there.issuperset(_paths(module))
        ]
        current = {module: written[module] for module in marks if module in written}
        for page in reading.pages(due):
            _write_page(folder, page)
            current[page["module_name"]] = {"mark": marks[page["module_name"]], "entry": module_entry(page)}
    for path in there.difference(*map(_paths, marks)):
        (folder / path).unlink(missing_ok=True)
    if current != written or not all((folder / name).exists() for name in LISTS.values()):
        _write_list(folder, current)
    if (seen, current) != (seen_before, written):
        _write(folder, _CACHE, json.dumps([seen, current]))
    return len(due)


@dataclass(frozen=True)
class _Reading:
    """The queries of the pages at a moment, for the days [start, end)."""

    moment: Snapshot
    queries: Mapping[str, Model]
    start: date
    end: date
    unused_days: int

    @property
    def made_by(self) -> str:
        """What makes other pages of the same rows."""
        versions = [query.code_version for query in self.queries.values()]
        return f"{rendering_version()} {self.unused_days} {sorted(WEIGHTS.items())} {versions}"

    def seen(self) -> str:
        """A text that is another one when any page may have changed."""
        tables = sorted({table for query in self.queries.values() for table in query.dependencies})
        return f"{self.moment.read(last_change, tables)} {self.made_by}"

    def marks(self) -> dict[str, str]:
        """{module that has a page: a mark of what the page shows}."""
        found = {name: self.moment.read(group_marks, self._statement(name), "module_name") for name in self.queries}
        texts = {m: "\n".join([self.made_by, *(of.get(m, "") for of in found.values())]) for m in found["health"]}
        return {module: hashlib.sha256(text.encode()).hexdigest() for module, text in texts.items()}

    def pages(self, modules: Sequence[str]) -> Iterator[dict[str, Any]]:
        """The values of the pages of some modules."""
        for first in range(0, len(modules), _BATCH):
            batch = modules[first : first + _BATCH]
            rows: dict[str, dict[str, list[dict[str, Any]]]] = {module: {} for module in batch}
            names = ",".join(hashlib.md5(module.encode(), usedforsecurity=False).hexdigest() for module in batch)
            for name in self.queries:
                for row in self.moment.query(self._statement(name, names)):
                    if row["module_name"] in rows:  # two names may have one MD5
                        rows[row["module_name"]].setdefault(name, []).append(row)
            for of in rows.values():
                yield build_module(of["health"][0], of, WEIGHTS, self.unused_days)

    def _statement(self, name: str, modules: str = "") -> str:
        return self.queries[name].statement({**window_parameters(self.start, self.end), "modules": modules})


def _write_page(folder: Path, page: Mapping[str, Any]) -> None:
    """Write the files of a module, the page last: whoever sees it sees the others."""
    name, score = page["module_name"], page["score"]
    texts: dict[Suffix, str] = {
        "svg": render_badge(name, score["badge"], score["overall_score"]),
        "json": render_json(page),
        "html": render_module(page),
    }
    for suffix, text in texts.items():
        _write(folder, module_path(name, suffix), text)


def _write_list(folder: Path, current: Written) -> None:
    value, section = build_modules(written["entry"] for written in current.values())
    _write(folder, LISTS["json"], render_json(value))
    _write(folder, LISTS["html"], render_modules(value, section))


def _write(folder: Path, name: str, text: str) -> None:
    with whole_file(folder / name, folder, is_tidy=True) as part:
        part.write_text(text, encoding="utf-8")


def _paths(module: str) -> list[str]:
    return [module_path(module, suffix) for suffix in SUFFIXES]


def _files(folder: Path) -> set[str]:
    """The files of pages that are there; leftovers are removed."""
    pages = folder / PAGES_FOLDER
    if not pages.is_dir():
        return set()
    for tidied in (folder, pages):
        remove_leftovers(tidied)
    with os.scandir(pages) as entries:
        names = [entry.name for entry in entries if entry.is_file(follow_symlinks=False)]
    return {f"{PAGES_FOLDER}/{name}" for name in names if name.endswith(SUFFIXES)}


def _read(cache: Path) -> tuple[str, Written]:
    """What was seen when pages were written, and these; nothing of a file that is not there or damaged: all are due."""
    try:
        seen, written = json.loads(cache.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return "", {}
    return seen, written
