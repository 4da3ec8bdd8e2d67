"""The export of one table: which partitions are due, their files, and what the manifest says about them."""

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

from analytics_etl.catalog.calendar import NAMES
from analytics_etl.catalog.models import Model
from analytics_etl.config.settings import Settings
from analytics_etl.disk.scratch import Scratch
from analytics_etl.lake import open_lake
from analytics_etl.ops import lake_files
from analytics_etl.ops.partitions import published
from analytics_etl.pipeline.exports import files, manifests
from analytics_etl.pipeline.exports.files import FORMATS, Format
from analytics_etl.pipeline.exports.manifests import JsonObject
from analytics_etl.postgres.columns import relation_kind
from analytics_etl.postgres.snapshot import Snapshot
from analytics_etl.tables.ordered_rows import Part, of_schema


class ExportError(RuntimeError):
    """Something that was asked for is not exported; the message says why."""


@dataclass(frozen=True)
class Wanted:
    """What to export: all of it by default."""

    days: tuple[date, date] | None = None
    """The partitions that hold any of the days first to last; None = all."""
    families: Collection[str] = ()
    tables: Collection[str] = ()
    formats: Sequence[Format] = FORMATS
    tenant: str | None = None
    anew: bool = False
    """Whether files are written again although their rows did not change."""


class TableExport:
    """The export of one table: what its manifest will say."""

    def __init__(
        self, settings: Settings, top: Path, wanted: Wanted, model: Model, types: Mapping[str, str],
        before: JsonObject | None,
    ) -> None:  # fmt: skip
        """`before` is what the manifest says now; `top` is the folder with the index."""
        self._settings, self._top, self._wanted, self._model, self._types = settings, top, wanted, model, types
        self._head = self._describe()
        is_same = before is not None and before["definition"] == self._head["definition"]
        self._is_redefined = before is not None and not is_same
        self._partitions: dict[date, JsonObject] = {
            date.fromisoformat(partition["start"]): partition for partition in (before["partitions"] if before else ())
        }

    def published(self, moment: Snapshot) -> dict[date, dict[str, Any]]:
        """{start: the partition in the books}, and what the manifest says about those that did not change."""
        settings = self._settings
        lateness = settings.lateness_of(self._model.table, is_derived=True)
        found = {row["period_start"]: row for row in moment.read(published, self._model.table, lateness)}
        for start, row in found.items():
            known = self._partitions.get(start)
            if known is not None and known["last_updated"] == moment_text(row["changed_at"]):
                self._partitions[start] = {**known, "is_final": row["is_final"]}
        return found

    def forget(self, there: Collection[date]) -> int:
        """Take out partitions that are no longer there; return how many."""
        gone = self._partitions.keys() - set(there)
        for start in gone:
            del self._partitions[start]
        return len(gone)

    def due(self, there: Mapping[date, Mapping[str, Any]]) -> list[date]:
        """The partitions whose files are to be written. All of them when the columns of the table have changed."""
        days = None if self._is_redefined else self._wanted.days
        return [
            start
            for start, row in there.items()
            if (days is None or (start <= days[1] and row["period_end"] > days[0])) and self._lacking(start, row)
        ]

    def write(self, moment: Snapshot, starts: Sequence[date]) -> None:
        """Write the files of some partitions, as they are at one moment."""
        there = self.published(moment) if starts else {}
        for start in starts:
            if start not in there:  # dropped since
                self._partitions.pop(start, None)
                continue
            row = there[start]
            known = self._partitions.get(start)
            kept = {file["format"]: file for file in known["files"]} if known and self._is_current(known, row) else {}
            count, written = self._files(moment, row, self._lacking(start, row))
            self._partitions[start] = {
                "start": start.isoformat(),
                "end": row["period_end"].isoformat(),
                "rows": count,
                "as_of": moment_text(datetime.combine(row["period_end"], time(), UTC)),
                "is_final": row["is_final"],
                "last_updated": moment_text(row["changed_at"]),
                "files": [found[form] for form in FORMATS if form in (found := {**kept, **written})],
            }

    def manifest(self) -> JsonObject:
        """The manifest of what is written."""
        return {**self._head, "partitions": [self._partitions[start] for start in sorted(self._partitions)]}

    def _lacking(self, start: date, row: Mapping[str, Any]) -> list[Format]:
        """The formats in which a partition is to be written."""
        wanted, known = self._wanted, self._partitions.get(start)
        if known is None or wanted.anew or not self._is_current(known, row):
            return list(wanted.formats)
        whole = {
            file["format"]
            for file in known["files"]
            if (path := self._top / file["path"]).is_file() and path.stat().st_size == file["size_bytes"]
        }
        return [form for form in wanted.formats if form not in whole]

    def _is_current(self, known: JsonObject, row: Mapping[str, Any]) -> bool:
        """Whether the files of a partition are of its present rows and columns."""
        return not self._is_redefined and bool(known["last_updated"] == moment_text(row["changed_at"]))

    def _files(
        self, moment: Snapshot, row: Mapping[str, Any], formats: Sequence[Format]
    ) -> tuple[int, dict[Format, JsonObject]]:
        """Write the rows of a partition; return their number, and {format: the entry of its file}."""
        model, settings = self._model, self._settings
        start: date = row["period_start"]
        part = Part(
            model.table, model.key, self._types, start, row["period_end"], self._wanted.tenant
        )  # fmt: skip
        schema = files.parquet_schema(part.arrow_types, self._model.columns, self._about(row))
        if moment.read(relation_kind, model.table) == "table":
            rows = moment.read(part.in_postgres)
        else:
            file = moment.read(lake_files.find, model.table, start)
            if file is None and row["rows"]:
                raise ExportError(f"{model.table}: the lake has no file of {start}; analytics-etl doctor says more")
            # The lake keeps its copy of a file as long as it lives.
            lake = open_lake(settings)
            memory, temporary = settings.engine_memory_mb, settings.temporary_dir
            rows = part.in_lake(lake.verified(file), memory, temporary) if file else part.nothing()
        scratch = Scratch(self._top / ".writing")
        try:
            with closing(rows):
                paths, count = files.write_files(of_schema(rows, schema), schema, scratch.path, formats)
            placed = {
                form: manifests.place(self._top, model.table, start.isoformat(), form, path)
                for form, path in paths.items()
            }
        finally:
            scratch.remove()
        return count, placed

    def _about(self, row: Mapping[str, Any]) -> dict[str, str]:
        """What a Parquet file says about itself."""
        tenant = self._wanted.tenant
        return {
            "table": self._model.table,
            "description": self._model.description,
            "key": ", ".join(self._model.key),
            "period_start": row["period_start"].isoformat(),
            "period_end": row["period_end"].isoformat(),
            "last_updated": moment_text(row["changed_at"]),
            **({} if tenant is None else {"tenant": tenant}),
        }

    def _describe(self) -> JsonObject:
        """The manifest without its partitions. `definition` changes when all files are to be made anew."""
        model = self._model
        columns = [
            {"name": name, "type": kind, "meaning": model.columns[name]} for name, kind in self._types.items()
        ]  # fmt: skip
        described = {"description": model.description, "key": list(model.key), "columns": columns}
        definition = hashlib.sha256(json.dumps([files.VERSION, described]).encode()).hexdigest()[:16]
        return {
            "schema_version": manifests.SCHEMA_VERSION,
            "table": model.table,
            "tenant": self._wanted.tenant,
            "cadence": NAMES[model.cadence],
            **described,
            "definition": definition,
        }


def moment_text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
