"""Landing files read without a database: what the loader would be given."""

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from events import DAY, DOWNLOADS, declared

from analytics_etl.catalog.contracts import Contract
from analytics_etl.catalog.models import Model
from analytics_etl.landing import FileReport, RejectedRow, list_files
from analytics_etl.landing.reader import LandingReader


@dataclass
class Read:
    """Rows of all days asked for, and what was rejected, by the name of its file."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    rejected: list[tuple[str, RejectedRow]] = field(default_factory=list)
    reports: list[FileReport] = field(default_factory=list)

    @property
    def reasons(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for name, row in self.rejected:
            found.setdefault(name, []).append(row.reason)
        return found

    @property
    def states(self) -> dict[str, str]:
        return {report.file.path.rsplit("/", 1)[1]: report.state.state for report in self.reports}


def parquet(columns: Mapping[str, pa.Array] | pa.Table, **options: Any) -> bytes:
    """A Parquet file of these columns."""
    file = io.BytesIO()
    pq.write_table(columns if isinstance(columns, pa.Table) else pa.table(dict(columns)), file, **options)
    return file.getvalue()


def read(
    folder: Path, files: Mapping[str, bytes], *days: date, table: str = DOWNLOADS, source: Model | None = None,
    found_at: datetime | None = None, contract: Contract | None = None,
) -> Read:  # fmt: skip
    """Write files by name and read them together; DAY when no day is named. Those of a source lie in its folder."""
    contract = contract or declared().contracts[table]
    mappings = {} if source is None else {source.name: source}
    place = folder / "landing" / contract.name / ("" if source is None else source.name)
    place.mkdir(parents=True)
    for name, content in files.items():
        (place / name).write_bytes(content)
    found = Read()
    with LandingReader(contract, mappings, set(days or [DAY]), folder / "tmp", 256) as reader:
        listed = list_files(folder / "landing", contract.name, frozenset(mappings))
        times = None if found_at is None else {file.path: found_at for file in listed}
        for batch in reader.read(listed, times):
            found.rows += [row for rows in batch.valid.values() for row in rows.to_pylist()]
            found.rejected += [(path.rsplit("/", 1)[1], row) for path, row in batch.rejected]
        found.reports = reader.reports
    assert list((folder / "tmp").iterdir()) == []
    return found
