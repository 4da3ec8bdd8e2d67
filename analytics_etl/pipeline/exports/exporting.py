"""Exporting aggregates: the partitions whose rows changed since they were last exported, or that are not there yet.

A process that is killed leaves true manifests: files are written under new names, then the manifest that names them
replaces the one before, and only then what it no longer names is removed. A second export of a folder waits for the
first.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from analytics_etl.catalog.calendar import chunks
from analytics_etl.catalog.catalog import Catalog
from analytics_etl.catalog.models import Model
from analytics_etl.disk import private
from analytics_etl.disk.scratch import locked
from analytics_etl.pipeline.exports import manifests
from analytics_etl.pipeline.exports.manifests import JsonObject
from analytics_etl.pipeline.exports.of_table import ExportError, TableExport, Wanted
from analytics_etl.postgres.columns import column_types
from analytics_etl.postgres.database import Database
from analytics_etl.tables.ordered_rows import TENANT, has_tenant

_PARTITIONS_AT_ONCE = 31
"""Partitions after which a manifest is written: of an export that is killed, no more is lost."""

_ONE_PERSON = "user_id"


@dataclass
class Outcome:
    """What became of one table."""

    table: str
    written: int = 0
    """Partitions whose files were written."""
    unchanged: int = 0
    removed: int = 0
    """Partitions that are no longer there."""


def exportable(catalog: Catalog) -> tuple[dict[str, Model], dict[str, str]]:
    """{table: its model} of what may be exported, and {aggregate: why it is not}: no row is about one person."""
    personal = {name for contract in catalog.contracts.values() for name in contract.personal_columns}
    withheld = {
        table: f"its rows are about single persons ({', '.join(columns)})"
        for table, model in catalog.aggregates.items()
        if (columns := [name for name in model.columns if name in {*personal, _ONE_PERSON}])
    }
    return {table: model for table, model in catalog.aggregates.items() if table not in withheld}, withheld


@dataclass(frozen=True)
class Exporter:
    """Exports to one folder."""

    database: Database
    catalog: Catalog
    folder: Path
    wanted: Wanted
    _types: dict[str, dict[str, str]] = field(default_factory=dict)

    def export(self) -> Iterator[Outcome]:
        """Export table by table, and give what became of each. Raise ExportError for what cannot be exported."""
        models = self._models()
        top = self.top
        private.make_folder(top, self.folder)
        with locked(top):
            index = manifests.read_index(top)
            entries: dict[str, JsonObject] = {entry["table"]: entry for entry in index["tables"]} if index else {}
            if index is None:
                manifests.write_index(top, self.wanted.tenant, entries)
            for table in sorted({*models, *self._no_longer_declared(entries)}):
                yield self._table(top, table, models.get(table), entries)

    @property
    def top(self) -> Path:
        """The folder with the index: that of the tenant, if there is one."""
        if self.wanted.tenant is None:
            return self.folder
        try:
            return manifests.folder_of_tenant(self.folder, self.wanted.tenant)
        except ValueError as error:
            raise ExportError(str(error)) from error

    def _models(self) -> dict[str, Model]:
        """The tables to export, all of which exist."""
        models, withheld = exportable(self.catalog)
        for table in self.wanted.tables:
            if table not in models:
                why = withheld.get(table) or self.catalog.broken.get(table) or "there is no aggregate of that name"
                raise ExportError(f"{table} is not exported: {why}")
        families, tables = self.wanted.families, self.wanted.tables
        chosen = {
            table: model
            for table, model in models.items()
            if (not families or model.family in families) and (not tables or table in tables)
        }
        self._types.update(self.database.run(column_types, sorted(chosen)))
        tenant = self.wanted.tenant
        if tenant is None:
            return {table: model for table, model in chosen.items() if table in self._types}
        found = {table: model for table, model in chosen.items() if TENANT in self._types.get(table, {})}
        stored = [table for table, model in found.items() if not model.is_in_lake_only]
        if not found or (stored and not any(self.database.run(has_tenant, table, tenant) for table in stored)):
            raise ExportError(f"no row of the tenant {tenant!r} is in any table that is exported")
        return found

    def _no_longer_declared(self, entries: Collection[str]) -> list[str]:
        """Exported tables that are no aggregates any more, if all tables were asked for; broken ones stay."""
        if self.wanted.families or self.wanted.tables:
            return []
        known, _ = exportable(self.catalog)
        return [table for table in entries if table not in {*known, *self.catalog.broken}]

    def _table(self, top: Path, table: str, model: Model | None, entries: dict[str, JsonObject]) -> Outcome:
        outcome = Outcome(table)
        before = manifests.read_table(top, table) if table in entries else None
        if model is None:
            del entries[table]
            outcome.removed = len(before["partitions"]) if before else 0
            manifests.write_index(top, self.wanted.tenant, entries)
            manifests.remove_others(top, table, None, None)
            return outcome
        writing = TableExport(self.database.settings, top, self.wanted, model, self._types[table], before)
        with self.database.snapshot() as moment:
            there = writing.published(moment)
        outcome.removed = writing.forget(there)
        due = writing.due(there)
        for starts in chunks(due, _PARTITIONS_AT_ONCE) or [[]]:
            with self.database.snapshot() as moment:
                writing.write(moment, starts)
            manifest = writing.manifest()
            if manifest != before:
                entries[table] = manifests.write_table(top, manifest)
                manifests.write_index(top, self.wanted.tenant, entries)
                before = manifest
        manifests.remove_others(top, table, entries.get(table), before)
        outcome.written, outcome.unchanged = len(due), len(there) - len(due)
        return outcome
