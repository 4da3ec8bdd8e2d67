"""The catalogue: the usable contracts, source mappings and models of all families. Needs no Dagster.

A table whose file is broken, or that reads such a table, is in `broken` only. How files are read is in `sql_files`.
"""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

from analytics_etl.catalog.broken import read_files, wrong_reference
from analytics_etl.catalog.contracts import Contract
from analytics_etl.catalog.file_marks import FILES
from analytics_etl.catalog.grains import tables_in
from analytics_etl.catalog.models import ALL_DAYS, Kind, Model, ModelError, Value, cadence_of
from analytics_etl.catalog.reading import read_models
from analytics_etl.catalog.series import PLACE, union_of
from analytics_etl.catalog.sql_files import TABLE_KINDS, SqlFiles
from analytics_etl.config.formats import LONGEST_SHOWN
from analytics_etl.config.settings import Settings, SettingsError
from analytics_etl.text.visible import cut


@dataclass(frozen=True)
class Catalog(SqlFiles):
    """The usable tables of every family, by name with schema."""

    @classmethod
    def of(cls, settings: Settings) -> "Catalog":
        """The catalogue as configured: the SELECTs contain the values of the settings they name.

        Raise SettingsError for a setting of a table that does not exist, which would be ignored. The catalogue is
        cached until a parameter or a file changes: reading all files takes a third of a second.
        """
        marks = FILES.marks()
        if FILES.checked != (settings, marks):
            _check_names(settings)
            FILES.checked = settings, marks
        return _cached(tuple(sorted(settings.parameters.items())), settings.families, marks)

    @cached_property
    def contracts(self) -> dict[str, Contract]:
        return {table: contract for table, contract in self._contracts.good.items() if table not in self.broken}

    @cached_property
    def aggregates(self) -> dict[str, Model]:
        """The aggregates, each with the affected days of the tables it reads."""
        found = {
            table: self._with_version(self._with_series(model)) for table, model in self._load("aggregates").items()
        }
        complete: dict[str, Model] = {}

        def add(table: str) -> Model:
            if table not in complete:
                inputs = [add(name).affected_margin for name in found[table].dependencies if name in found]
                days = max((after for after, _ in inputs), default=0), max((before for _, before in inputs), default=0)
                complete[table] = found[table] if days == (0, 0) else replace(found[table], inputs_affected_margin=days)
            return complete[table]

        return {table: add(table) for table in found}

    @cached_property
    def _series(self) -> dict[str, Model]:
        """The usable series; the others are left out of the tables of their families, which do not stop."""
        found = self._load("series").items()
        return {name: model for name, model in found if self.broken.keys().isdisjoint(model.dependencies)}

    def _with_series(self, model: Model) -> Model:
        """A model with the series of its family in the place of `{series}`."""
        if PLACE not in model.select:
            return model
        own = [series for series in self._series.values() if series.family == model.family]
        return replace(model, select=model.select.replace(PLACE, union_of(own)))

    def _with_version(self, model: Model) -> Model:
        """A model whose version is another one when what else its function reads is."""
        function = model.function
        if function is None or not function.reads:
            return model
        said = "\n".join(self._content(name, model.family) for name in function.reads)
        digest = hashlib.sha256(said.encode()).hexdigest()[:12]
        return replace(model, function=replace(function, version=f"{function.version} {digest}"))

    def _content(self, name: str, family: str) -> str:
        """What a function reads beside rows, without comments."""
        if name == "series":
            return repr(sorted((key, measure) for key, measure in self.measures.items() if key[0] == family))
        path = self.sql_dir / name
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        return "\n".join(line.rstrip() for line in lines if line.strip() and not line.lstrip().startswith("#"))

    @cached_property
    def views(self) -> dict[str, Model]:
        return self._load("views")

    @cached_property
    def checks(self) -> dict[str, Model]:
        return self._load("checks")

    @cached_property
    def derived(self) -> dict[str, Model]:
        return {**self.aggregates, **self.views}

    def read_by(self, table: str) -> dict[str, tuple[int, int]]:
        """{derived table whose SELECT or checks read rows of an event table: days (before, after) its own it reads}."""
        found: dict[str, tuple[int, int]] = {}
        derived = self._tables
        for model in (*derived.values(), *self.checks.values()):
            if table in model.dependencies:
                # The name of a check begins with its table; the longest such table is meant.
                tables = [name for name in derived if model.table == name or model.table.startswith(f"{name}_")]
                name = max(tables, key=len, default=model.table)
                back, ahead = found.get(name, (0, 0))
                found[name] = max(back, model.lookback_days), max(ahead, model.lookahead_days)
        return found

    def may_be_read_by(self, table: str) -> str | None:
        """Why a broken file may read raw rows of an event table once it is corrected; None if none may."""
        family = table.split(".", maxsplit=1)[0]
        for file in (*self._broken_tables, *self._broken("checks")):
            if file.kind in ("aggregates", "views", "checks") and file.family in (family, "ops"):
                return file.reason
        return next((why for name, why in self.broken.items() if name in self.read_by(table)), None)

    def mappings(self, family: str) -> dict[str, Model]:
        """{source folder: mapping} of a family."""
        return {m.name: m for m in self._sources.values() if m.family == family}

    def reports(self, family: str) -> dict[str, Model]:
        """{report section: query} of a family."""
        return {m.name: m for m in self._reports.values() if m.family == family}

    def query(self, name: str) -> Model:
        """A query by its name with family; raise ModelError if its file is broken.

        Only its file is read: that is fast, and other broken files do not matter.
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
        """Every usable table, each after those it reads."""
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
        """{table with a partition for each day: whether it is derived}, each after those it reads.

        Broken tables come last: their days are due, too.
        """
        tables = [*self.in_order(), *self.broken]
        return {t: t not in self.event_tables for t in tables if not self.is_view(t) and cadence_of(t) == "day"}

    def code_version(self, table: str) -> str:
        """The version of the contract or SELECT that makes a table."""
        return self.contracts[table].code_version if table in self.contracts else self.derived[table].code_version

    def column_docs(self, table: str) -> Mapping[str, str]:
        """{column of a table: its meaning}."""
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
        """The usable models of a kind."""
        broken = {file.path for file in self._broken(kind)}
        return {
            name: model for name, model in self._files(kind).good.items()
            if model.path not in broken and not (kind in TABLE_KINDS and name in self.broken)
        }  # fmt: skip


@lru_cache(maxsize=8)  # settings that name other families have others, and tests go from one to another
def _cached(
    parameters: tuple[tuple[str, Value], ...], families: tuple[str, ...], _marks: tuple[tuple[str, int, int], ...]
) -> Catalog:  # fmt: skip
    return Catalog(parameters=dict(parameters), in_use=families)


def _check_names(settings: Settings) -> None:
    """Raise SettingsError for a setting that names a table or family which does not exist."""
    everything = SqlFiles(parameters={})
    tables, families = everything.tables, everything.families
    for variable, unknown in {
        "ANALYTICS_FAMILIES": sorted({*settings.families} - {*families}),
        "ANALYTICS_REPORTS_TO": settings.reports_to.unknown(families),
    }.items():
        if unknown:
            raise SettingsError(
                f"{variable} names {cut(', '.join(unknown), LONGEST_SHOWN)}, expected some of {', '.join(families)}"
            )
    known = {*tables, *(table.partition(".")[2] for table in tables)}
    for variable, values in settings.by_table.items():
        if unknown := [table for table, _ in values.tables if table not in known]:
            raise SettingsError(
                f"{variable} names {cut(', '.join(unknown), LONGEST_SHOWN)}, expected some of {', '.join(tables)}"
            )


def kept_in_lake(catalog: Catalog) -> frozenset[str]:
    """The tables whose rows lie in the lake: event tables, fine-grained ones, and those that others are made of."""
    alone = [table for table, model in catalog.aggregates.items() if model.is_in_lake_only]
    # What a function is given may as well come from PostgreSQL: it reads rows that are already few.
    bounded = [m for m in catalog.aggregates.values() if m.lookback_days != ALL_DAYS and m.function is None]
    return frozenset({*catalog.contracts, *alone, *(table for model in bounded for table in model.dependencies)})


def is_of(table: str, families: Collection[str]) -> bool:
    """Whether a table belongs to one of some families; no families means all."""
    return not families or table.split(".", maxsplit=1)[0] in families
