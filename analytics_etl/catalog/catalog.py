"""Everything `sql/` declares, read once: contracts, source mappings, models of each kind. Knows no Dagster.

A file that cannot be used stops its own table and what reads it, which are then in `broken` and in nothing else.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from pathlib import Path

from analytics_etl.catalog.broken import BrokenFile, Files, books, in_circles, read_files, with_readers, wrong_reference
from analytics_etl.catalog.contracts import Contract, read_contract
from analytics_etl.catalog.grains import tables_in
from analytics_etl.catalog.models import Kind, Model, ModelError, Value, cadence_of
from analytics_etl.catalog.reading import read_models
from analytics_etl.config.settings import SQL_DIR, Settings, SettingsError
from analytics_etl.config.values import LONGEST_SHOWN
from analytics_etl.text.visible import cut

_OF_TABLES = ("events", "aggregates", "views")
"""The kinds of files that declare a table of their name."""
_KINDS: tuple[Kind, ...] = ("sources", "aggregates", "views", "checks", "reports", "queries")


@dataclass(frozen=True)
class Catalog:
    """The declared tables of every family, by name with schema."""

    sql_dir: Path = SQL_DIR
    parameters: Mapping[str, Value] = field(default_factory=lambda: Settings().parameters)
    """Settings that SELECTs may name; the defaults unless told otherwise."""
    stopped: Mapping[str, BrokenFile] = field(default_factory=dict)
    """Event tables that cannot be loaded for a reason that shows only to others: {table: the file}."""

    @classmethod
    def of(cls, settings: Settings) -> "Catalog":
        """The catalogue as configured: a SELECT holds the values of the settings it names.

        Raise SettingsError for a setting of a table that there is not: it would be ignored. Asked again with the same
        parameters it is the same one, as long as no file has changed: reading all of them takes a third of a second.
        """
        _check_names(settings)
        files = [(str(path), path.stat()) for path in sorted(SQL_DIR.rglob("*.sql"))]
        marks = tuple((name, status.st_mtime_ns, status.st_size) for name, status in files)
        return _of(tuple(sorted(settings.parameters.items())), marks)

    @cached_property
    def contracts(self) -> dict[str, Contract]:
        return {table: of for table, of in self._contracts.good.items() if table not in self.broken}

    @cached_property
    def broken_files(self) -> list[BrokenFile]:
        """The files that cannot be used, whatever they declare."""
        found = [*self._contracts.broken, *(file for kind in _KINDS for file in self._files(kind).broken)]
        found += [file for file in self.stopped.values() if file not in found]
        told = [(model.path, wrong_reference(model, self._known)) for model in self._intact.values()]
        circular = in_circles({**self._files("aggregates").good, **self._files("views").good})
        told += [(self._intact["tables", table].path, why) for table, why in circular.items()]
        for path, reason in told:
            if reason and all(file.path != path for file in found):  # a file of several tables is told once
                found.append(BrokenFile(path, reason))
        return found

    @cached_property
    def broken(self) -> dict[str, str]:
        """{table that cannot be made or loaded: why}, with what reads it."""
        files = self.broken_files
        roots = {table: file.reason for file in files if file.kind in _OF_TABLES for table in file.tables}
        for file in files:
            # What its rows would become is unknown, so nothing of its family is loaded without them.
            for table in self._contracts.good if file.kind == "sources" else ():
                if table.startswith(f"{file.family}."):
                    roots.setdefault(table, f"its source mapping is broken: {file.reason}")
        roots |= {table: file.reason for table, file in self.stopped.items()}
        return with_readers(roots, {**self._files("aggregates").good, **self._files("views").good})

    def reads(self, table: str) -> list[str]:
        """The tables that a derived table, which may be broken, reads, as far as that is known and they are there."""
        model = self._intact.get(("tables", table))
        return [] if model is None else [name for name in model.dependencies if name in self._known]

    @cached_property
    def broken_checks(self) -> dict[str, str]:
        """{check, with its family: why its file cannot be used}."""
        files = [file for file in self.broken_files if file.kind == "checks"]
        return {check: file.reason for file in files for check in file.tables}

    def broken_reports(self, family: str) -> list[BrokenFile]:
        """Broken queries that the reports of a family need."""
        return [file for file in self.broken_files if file.kind == "reports" and file.family in (family, "ops")]

    @cached_property
    def _intact(self) -> dict[tuple[str, str], Model]:
        """What could be read of all that reads tables, by whether it is a table, and its name."""
        tables = {**self._files("aggregates").good, **self._files("views").good}
        others = {("checks", name): model for name, model in self._files("checks").good.items()}
        others |= {(kind, name): m for kind in ("reports", "queries") for name, m in self._files(kind).good.items()}
        return {**{("tables", name): model for name, model in tables.items()}, **others}

    @cached_property
    def _known(self) -> set[str]:
        """Every table there is a file of, broken or not, and the books."""
        return {*self._kind_of, *books(self.sql_dir)}

    @cached_property
    def _kind_of(self) -> dict[str, str]:
        """The kind of the file of every table, broken or not."""
        files = [(kind, path) for kind in _OF_TABLES for path in self.sql_dir.glob(f"*/{kind}/*.sql")]
        return {table: kind for kind, path in files for table in tables_in(path)}

    @cached_property
    def aggregates(self) -> dict[str, Model]:
        """The aggregates, each with how far the tables it reads reach."""
        found = self._load("aggregates")
        complete: dict[str, Model] = {}

        def add(table: str) -> Model:
            if table not in complete:
                inputs = [add(name).affected_days for name in found[table].dependencies if name in found]
                reach = max((later for later, _ in inputs), default=0), max((before for _, before in inputs), default=0)
                complete[table] = found[table] if reach == (0, 0) else replace(found[table], inputs_affected_days=reach)
            return complete[table]

        return {table: add(table) for table in found}

    @cached_property
    def views(self) -> dict[str, Model]:
        return self._load("views")

    @cached_property
    def checks(self) -> dict[str, Model]:
        return self._load("checks")

    @cached_property
    def derived(self) -> dict[str, Model]:
        return {**self.aggregates, **self.views}

    @cached_property
    def families(self) -> list[str]:
        return sorted({path.parent.parent.name for path in self.sql_dir.glob("*/events/*.sql")})

    def read_by(self, table: str) -> dict[str, tuple[int, int]]:
        """The derived tables whose SELECT, or one of whose checks, reads raw rows of an event table: {table: days it
        reads (before, after) its own}.
        """
        found: dict[str, tuple[int, int]] = {}
        derived = {**self._files("aggregates").good, **self._files("views").good}
        for model in (*derived.values(), *self.checks.values()):
            if table in model.dependencies:
                # A check is about the longest name that its own begins with.
                of = [name for name in derived if model.table == name or model.table.startswith(f"{name}_")]
                name = max(of, key=len, default=model.table)
                back, ahead = found.get(name, (0, 0))
                found[name] = max(back, model.lookback_days), max(ahead, model.lookahead_days)
        return found

    def may_be_read_by(self, table: str) -> str | None:
        """A broken file whose SELECT, once it is mended, may read raw rows of an event table; None without one."""
        family = table.split(".", maxsplit=1)[0]
        for file in self.broken_files:
            if file.kind in ("aggregates", "views", "checks") and file.family in (family, "ops"):
                return file.reason
        return next((why for name, why in self.broken.items() if name in self.read_by(table)), None)

    def mappings(self, family: str) -> dict[str, Model]:
        """The source mappings of a family, by the folder name that selects them."""
        return {m.name: m for m in self._sources.values() if m.family == family}

    def reports(self, family: str) -> dict[str, Model]:
        """The report sections of a family, by name."""
        return {m.name: m for m in self._reports.values() if m.family == family}

    def query(self, name: str) -> Model:
        """A query by its name with family; ModelError says what is wrong with its file.

        Only this one is read: a question is answered whatever else is broken, and without the time that all files take.
        """
        folder = self.sql_dir / name.partition(".")[0] / "queries"
        files = read_files(
            [path for path in folder.glob("*.sql") if name in tables_in(path)],
            lambda path: read_models(path, self.parameters),
        )
        if name not in files.good:
            raise ModelError(files.broken[0].reason if files.broken else f"{folder} has no file of the query {name}")
        if reason := wrong_reference(files.good[name], self._known):
            raise ModelError(reason)
        return files.good[name]

    def in_order(self) -> list[str]:
        """Every table, each after those it reads."""
        ordered: dict[str, None] = dict.fromkeys(self.contracts)

        def add(table: str) -> None:
            if table in ordered:
                return
            for dependency in self.derived[table].dependencies:
                add(dependency)
            ordered[table] = None

        for table in self.derived:
            add(table)
        return list(ordered)

    @property
    def kept_by_day(self) -> dict[str, bool]:
        """The tables with a partition for each day, each after those it reads: {table: whether it is derived}.

        Broken ones come last: their days are due all the same.
        """
        tables = [*self.in_order(), *self.broken]
        return {t: t not in self.event_tables for t in tables if not self.is_view(t) and cadence_of(t) == "day"}

    def is_view(self, table: str) -> bool:
        """Whether a table, which may be broken, is a materialized view."""
        return self._kind_of.get(table) == "views"

    def is_contract(self, table: str) -> bool:
        """Whether a table, which may be broken, is one of raw events."""
        return self._kind_of.get(table) == "events"

    @cached_property
    def event_tables(self) -> list[str]:
        """The tables of raw events, broken ones, too."""
        return sorted(table for table, kind in self._kind_of.items() if kind == "events")

    def code_version(self, table: str) -> str:
        """The version of the contract or statement that a table comes from."""
        return self.contracts[table].code_version if table in self.contracts else self.derived[table].code_version

    def column_docs(self, table: str) -> Mapping[str, str]:
        """What the columns of a table mean."""
        if table in self.contracts:
            return self.contracts[table].column_docs
        return self.derived[table].columns

    @cached_property
    def _sources(self) -> dict[str, Model]:
        return self._load("sources")

    @cached_property
    def _reports(self) -> dict[str, Model]:
        return self._load("reports")

    def _load(self, kind: Kind) -> dict[str, Model]:
        """What can be used of a kind."""
        broken = {file.path for file in self.broken_files}
        return {
            name: model for name, model in self._files(kind).good.items()
            if model.path not in broken and not (kind in _OF_TABLES and name in self.broken)
        }  # fmt: skip

    @cached_property
    def _contracts(self) -> Files[Contract]:
        return read_files(self.sql_dir.glob("*/events/*.sql"), lambda path: {tables_in(path)[0]: read_contract(path)})

    def _files(self, kind: Kind) -> Files[Model]:
        if kind not in self._read:
            paths = self.sql_dir.glob(f"*/{kind}/*.sql")
            self._read[kind] = read_files(paths, lambda path: read_models(path, self.parameters))
        return self._read[kind]

    @cached_property
    def _read(self) -> dict[Kind, Files[Model]]:
        return {}


@lru_cache(maxsize=1)
def _of(parameters: tuple[tuple[str, Value], ...], _marks: tuple[tuple[str, int, int], ...]) -> Catalog:
    return Catalog(parameters=dict(parameters))


def _check_names(settings: Settings) -> None:
    files = [path for kind in ("events", "aggregates", "views") for path in SQL_DIR.glob(f"*/{kind}/*.sql")]
    tables = sorted(table for path in files for table in tables_in(path))
    known = {*tables, *(table.partition(".")[2] for table in tables)}
    for variable, values in settings.by_table.items():
        if unknown := [table for table, _ in values.tables if table not in known]:
            raise SettingsError(
                f"{variable} names {cut(', '.join(unknown), LONGEST_SHOWN)}, expected some of {', '.join(tables)}"
            )


def is_of(table: str, families: Collection[str]) -> bool:
    """Whether a table is of one of some families; of none means all."""
    return not families or table.split(".", maxsplit=1)[0] in families
