"""Everything `sql/` declares, read once: contracts, source mappings, models of each kind. Knows no Dagster."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from analytics_etl.contracts import Contract, load_contracts
from analytics_etl.models import Kind, Model, Value, cadence_of, load_models
from analytics_etl.settings import LONGEST_SHOWN, SQL_DIR, Settings, SettingsError
from analytics_etl.visible import cut


@dataclass(frozen=True)
class Catalog:
    """The declared tables of every family, by name with schema."""

    sql_dir: Path = SQL_DIR
    parameters: Mapping[str, Value] = field(default_factory=lambda: Settings().parameters)
    """Settings that SELECTs may name; the defaults unless told otherwise."""

    @classmethod
    def of(cls, settings: Settings) -> "Catalog":
        """The catalogue as configured: a SELECT holds the values of the settings it names.

        Raise SettingsError for a setting of a table that there is not: it would be ignored.
        """
        _check_names(settings)
        return cls(parameters=settings.parameters)

    @cached_property
    def contracts(self) -> dict[str, Contract]:
        return load_contracts(self.sql_dir)

    @cached_property
    def aggregates(self) -> dict[str, Model]:
        """The aggregates, each with how far the tables it reads reach."""
        found = self._load("aggregates")
        complete: dict[str, Model] = {}

        def add(table: str) -> Model:
            if table not in complete:
                inputs = [add(name).reach for name in found[table].dependencies if name in found]
                reach = max((later for later, _ in inputs), default=0), max((before for _, before in inputs), default=0)
                complete[table] = found[table] if reach == (0, 0) else replace(found[table], reach_of_inputs=reach)
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
        return sorted({contract.family for contract in self.contracts.values()})

    def read_by(self, table: str) -> dict[str, tuple[int, int]]:
        """The derived tables whose SELECT, or one of whose checks, reads raw rows of an event table: {table: days it
        reads (before, after) its own}.
        """
        found: dict[str, tuple[int, int]] = {}
        for model in (*self.derived.values(), *self.checks.values()):
            if table in model.dependencies:
                # A check is about the longest name that its own begins with.
                of = [name for name in self.derived if model.table == name or model.table.startswith(f"{name}_")]
                name = max(of, key=len, default=model.table)
                back, ahead = found.get(name, (0, 0))
                found[name] = max(back, model.lookback_days), max(ahead, model.lookahead_days)
        return found

    def mappings(self, family: str) -> dict[str, Model]:
        """The source mappings of a family, by the folder name that selects them."""
        return {m.name: m for m in self._sources.values() if m.family == family}

    def reports(self, family: str) -> dict[str, Model]:
        """The report sections of a family, by name."""
        return {m.name: m for m in self._reports.values() if m.family == family}

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
        """The tables with a partition for each day, each after those it reads: {table: whether it is derived}."""
        return {t: t in self.derived for t in self.in_order() if t not in self.views and cadence_of(t) == "day"}

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
        return load_models(self.sql_dir, kind, self.parameters)


def _check_names(settings: Settings) -> None:
    files = [path for kind in ("events", "aggregates", "views") for path in SQL_DIR.glob(f"*/{kind}/*.sql")]
    tables = sorted(f"{path.parent.parent.name}.{path.stem}" for path in files)
    known = {*tables, *(path.stem for path in files)}
    for variable, values in settings.by_table.items():
        if unknown := [table for table, _ in values.tables if table not in known]:
            raise SettingsError(
                f"{variable} names {cut(', '.join(unknown), LONGEST_SHOWN)}, expected some of {', '.join(tables)}"
            )
