"""The files below `sql/` as they are read: what each kind declares, and which files are broken.

A broken file stops its own table and all tables that read it. Not here: what is usable without these (`catalog`).
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from analytics_etl.catalog.broken import (
    BrokenFile,
    Files,
    in_circles,
    ops_tables,
    read_files,
    with_readers,
    wrong_reference,
)
from analytics_etl.catalog.contracts import Contract, read_contract
from analytics_etl.catalog.grains import tables_in
from analytics_etl.catalog.measures import Measure
from analytics_etl.catalog.models import Kind, Model, Value
from analytics_etl.catalog.reading import read_models
from analytics_etl.catalog.series import shared_files
from analytics_etl.config.settings import SQL_DIR, Settings

TABLE_KINDS = ("events", "aggregates", "views")
"""The kinds of files that declare a table of their name."""
_OTHERS: tuple[Kind, ...] = ("checks", "reports", "queries", "series")
"""The kinds of files that stop no table."""


@dataclass(frozen=True)
class SqlFiles:
    """The files of every kind, each read once, broken ones included."""

    sql_dir: Path = SQL_DIR
    parameters: Mapping[str, Value] = field(default_factory=lambda: Settings().parameters)
    """{setting that SELECTs may name: value}."""
    in_use: Collection[str] = ()
    """The families whose files are read; all, if none is named."""
    stopped: Mapping[str, BrokenFile] = field(default_factory=dict)
    """{event table that cannot be loaded: file}, for reasons that only a caller can find."""

    @cached_property
    def families(self) -> list[str]:
        return sorted({path.parent.parent.name for path in self._paths("events")})

    @cached_property
    def broken_files(self) -> list[BrokenFile]:
        """All files that cannot be used, whatever they declare."""
        return [*self._broken_tables, *(file for kind in _OTHERS for file in self._broken(kind))]

    @cached_property
    def _broken_tables(self) -> list[BrokenFile]:
        """The broken files that declare tables, and those of source mappings."""
        kinds: tuple[Kind, ...] = ("sources", "aggregates", "views")
        found = [*self._contracts.broken, *(file for kind in kinds for file in self._files(kind).broken)]
        found += [file for file in self.stopped.values() if file not in found]
        problems = [(model.path, wrong_reference(model, self._known)) for model in self._tables.values()]
        problems += [(self._tables[table].path, why) for table, why in in_circles(self._tables).items()]
        return _with_problems(found, problems)

    def _broken(self, kind: Kind) -> list[BrokenFile]:
        """The broken files of a kind."""
        if kind not in _OTHERS:
            return self._broken_tables
        if kind not in self._found_broken:
            files = self._files(kind)
            problems = [(model.path, wrong_reference(model, self._known)) for model in files.good.values()]
            if kind == "series":
                problems += [(model.path, self._wrong_input(model)) for model in files.good.values()]
            self._found_broken[kind] = _with_problems(files.broken, problems)
        return self._found_broken[kind]

    def _wrong_input(self, series: Model) -> str | None:
        """Why a series must not read a table: it is not one of the family's aggregates, or is made of series."""
        made = {table for path in shared_files(self.sql_dir, "aggregates") for table in self._shared_by(path.stem)}
        allowed = {table for table, kind in self._kind_of.items() if kind == "aggregates"} - made
        wrong = [t for t in series.dependencies if t not in allowed or not t.startswith(f"{series.family}.")]
        if not wrong:
            return None
        return f"{series.path}: reads {wrong[0]}, expected tables below sql/{series.family}/aggregates"

    @cached_property
    def broken(self) -> dict[str, str]:
        """{table that cannot be made or loaded: why}, with the tables that read it."""
        files = self._broken_tables
        roots = {table: file.reason for file in files if file.kind in TABLE_KINDS for table in file.tables}
        for file in files:
            # Nobody knows which rows its files hold, so no event table of its family is loaded.
            for table in self._contracts.good if file.kind == "sources" else ():
                if table.startswith(f"{file.family}."):
                    roots.setdefault(table, f"its source mapping is broken: {file.reason}")
        roots |= {table: file.reason for table, file in self.stopped.items()}
        return with_readers(roots, self._tables)

    def reads(self, table: str) -> list[str]:
        """The existing tables that a derived table reads; none if its file cannot be read."""
        model = self._tables.get(table)
        return [] if model is None else [name for name in model.dependencies if name in self._known]

    @cached_property
    def measures(self) -> dict[tuple[str, str], Measure]:
        """What the series say of their numbers, by family and metric: the file of days, if that of hours is another."""
        found = sorted(self._files("series").good.values(), key=lambda one: one.name, reverse=True)
        return {(one.family, one.name[:-3]): one.measure for one in found if one.measure}

    @cached_property
    def broken_checks(self) -> dict[str, str]:
        """{check with its family: why its file cannot be used}."""
        return {check: file.reason for file in self._broken("checks") for check in file.tables}

    def broken_reports(self, family: str) -> list[BrokenFile]:
        """The broken files that the reports of a family need."""
        return [file for file in self._broken("reports") if file.family in (family, "ops")]

    @cached_property
    def _tables(self) -> dict[str, Model]:
        """{table: model} of all derived tables whose files could be read."""
        return {**self._files("aggregates").good, **self._files("views").good}

    @cached_property
    def _known(self) -> set[str]:
        """Every table that has a file, broken or not, and the tables of `ops`."""
        return {*self._kind_of, *ops_tables(self.sql_dir)}

    @cached_property
    def _kind_of(self) -> dict[str, str]:
        """{table: kind of its file}, broken or not."""
        files = [(kind, path) for kind in TABLE_KINDS for path in self._paths(kind)]
        made = [table for path in shared_files(self.sql_dir, "aggregates") for table in self._shared_by(path.stem)]
        return {table: kind for kind, path in files for table in tables_in(path)} | dict.fromkeys(made, "aggregates")

    def _shared_by(self, name: str) -> list[str]:
        """A name that every family with series has, with each of them."""
        return [f"{family}.{name}" for family in self._families_with_series]

    @cached_property
    def _families_with_series(self) -> list[str]:
        """The families with a series, broken or not."""
        return sorted({path.parent.parent.name for path in self._paths("series")})

    def _paths(self, kind: str) -> list[Path]:
        """The files of a kind, of the families in use and of `ops`."""
        paths = self.sql_dir.glob(f"*/{kind}/*.sql")
        return [path for path in paths if not self.in_use or path.parent.parent.name in (*self.in_use, "ops")]

    @property
    def tables(self) -> list[str]:
        """Every table that has a file, broken or not."""
        return sorted(self._kind_of)

    def is_view(self, table: str) -> bool:
        """Whether a table, broken or not, is a materialized view."""
        return self._kind_of.get(table) == "views"

    def is_contract(self, table: str) -> bool:
        """Whether a table, broken or not, is one of raw events."""
        return self._kind_of.get(table) == "events"

    @cached_property
    def event_tables(self) -> list[str]:
        """The tables of raw events, including broken ones."""
        return sorted(table for table, kind in self._kind_of.items() if kind == "events")

    @cached_property
    def _contracts(self) -> Files[Contract]:
        return read_files(self._paths("events"), lambda path: {tables_in(path)[0]: read_contract(path)})

    def _files(self, kind: Kind) -> Files[Model]:
        if kind not in self._read:
            paths = [*self._paths(kind), *shared_files(self.sql_dir, kind)]
            self._read[kind] = read_files(paths, self._models_in)
        return self._read[kind]

    def _models_in(self, path: Path) -> dict[str, Model]:
        """The models of a file; of one that families share, those of each."""
        if path.parent.parent.name != "signals":
            return read_models(path, self.parameters)
        return {
            name: model
            for family in self._families_with_series
            for name, model in read_models(path, self.parameters, family).items()
        }

    @cached_property
    def _read(self) -> dict[Kind, Files[Model]]:
        return {}

    @cached_property
    def _found_broken(self) -> dict[Kind, list[BrokenFile]]:
        return {}


def _with_problems(broken: Iterable[BrokenFile], problems: Iterable[tuple[Path, str | None]]) -> list[BrokenFile]:
    """Broken files, and those that have a problem; a file of several tables is listed once."""
    found = list(broken)
    for path, reason in problems:
        if reason and all(file.path != path for file in found):
            found.append(BrokenFile(path, reason))
    return found
