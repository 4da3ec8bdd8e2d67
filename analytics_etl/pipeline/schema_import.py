"""Versions of schemas, found in folders or a git history, as a landing file of `registry.module_versions`.

A version has one event id, whatever file it comes in, so importing it again changes nothing.
"""

import csv
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid5

from analytics_etl.catalog.json_values import JsonError, as_postgres_writes, canonical
from analytics_etl.disk.whole_files import whole_file
from analytics_etl.pipeline.schema_folders import FoundVersion, ImportRefusedError, Source
from analytics_etl.schemas import Limits, Version
from analytics_etl.schemas.limits import faults_of_files

TABLE = "module_versions"
MOST_BYTES = 1_000_000
"""Of the source as JSON, which is what the contract allows; a line of a landing file has at most 1 MiB. The source of a
larger version is left out, so that the catalogue says that it could not be read.
"""
_MOST_SIZE_BYTES = 1_000_000_000
"""Of a source that is left out; the contract says so."""
_LONGEST = {"module": 256, "version": 100, "organization": 100}
_IDS = UUID("6e0f3c52-6a0e-5a8d-9d8f-2b8d3c1e7a54")
_PREFIX = "imported-"

Times = Mapping[tuple[str | None, str], datetime]
"""{(module, version): when it was registered}; None is any module."""


@dataclass(frozen=True)
class Imported:
    """What an import has done."""

    path: Path | None
    """The new file; None if every version was there already."""
    versions: int
    known: int
    """Versions that earlier imports have written."""
    first: date | None = None
    last: date | None = None


def read_times(path: Path) -> Times:
    """Times from a CSV file with the columns version, registered_at and perhaps module_name."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file)
            if missing := {"version", "registered_at"} - set(rows.fieldnames or ()):
                raise ImportRefusedError(
                    f"{path} has no column {' and '.join(sorted(missing))}, expected version, registered_at and, for "
                    "several modules, module_name"
                )
            return {
                (row.get("module_name") or None, row["version"]): parsed_time(row["registered_at"], f"{path}:{number}")
                for number, row in enumerate(rows, 2)
            }
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ImportRefusedError(f"{path} cannot be read as CSV: {error}") from error


def parsed_time(text: str, where: str) -> datetime:
    """A time with a zone."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise ImportRefusedError(f"{where}: {text!r} is no time with a zone, expected one like 2025-03-31T12:00:00Z")
    return found.astimezone(UTC)


def usable(
    versions: Iterable[FoundVersion], times: Times, registered_at: datetime | None
) -> Iterator[tuple[FoundVersion, datetime | None, str | None]]:
    """Each version, when it was registered, and why it cannot be imported. One that is too large has no files any more.

    Versions of a git history that are registered at a given time are taken over: they were published before.
    Versions of one given time follow each other by a microsecond, so that the time tells their order.
    """
    for number, found in enumerate(versions):
        given = registered_at and registered_at + timedelta(microseconds=number)
        published = found.published_at
        known = times.get((found.module, found.version)) or times.get((None, found.version))
        at = given or published if published else known or given
        try:
            kept, problem = _within_bounds(found), None
        except _CannotBeARowError as error:
            kept, problem = found, str(error)
        if at is None:
            problem = problem or "has no time in the file of times"
        elif published is not None and published > at:
            problem = problem or f"is of {published:%Y-%m-%dT%H:%M:%SZ}, which is after it was registered"
        yield kept, at, problem


def write(
    landing: Path, versions: Iterable[tuple[FoundVersion, datetime]], organization: str | None,
    step: Callable[[FoundVersion], None] = lambda _: None,
) -> Imported:  # fmt: skip
    """Write the versions that no earlier import has written to a new landing file, whole or not at all."""
    folder = landing / TABLE
    known, lines, days, there = _known(folder), list[bytes](), list[date](), 0
    for found, at in versions:
        step(found)
        event = _event(found, at, organization)
        if event["event_id"] in known:
            there += 1
            continue
        lines.append(json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")
        days.append(at.date())
    if not lines:
        return Imported(None, 0, there)
    digest = hashlib.sha256(b"".join(lines)).hexdigest()[:16]
    path = folder / f"{_PREFIX}{digest}.ndjson"
    with whole_file(path, landing) as part:
        part.write_bytes(b"".join(lines))
    return Imported(path, len(lines), there, min(days), max(days))


def _event(found: FoundVersion, at: datetime, organization: str | None) -> dict[str, object]:
    files, too_large_bytes = found.source.files, found.source.too_large_bytes
    content = canonical(json.dumps(files, ensure_ascii=False)) if too_large_bytes is None else str(too_large_bytes)
    digest = hashlib.sha256(content.encode()).hexdigest()
    return {
        "event_id": str(uuid5(_IDS, json.dumps([found.module, found.version, found.format, digest]))),
        "registered_at": _text(at),
        "organization_id": organization,
        "module_name": found.module,
        "version": found.version,
        "format": str(found.format),
        "files": files,
        "size_bytes": too_large_bytes or _size(files),
        "previous_version": found.previous,
        "published_at": _text(found.published_at) if found.published_at and found.published_at < at else None,
    }


def _text(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _size(files: Mapping[str, str]) -> int:
    return sum(len(text.encode()) for text in files.values())


class _CannotBeARowError(Exception):
    """A version cannot be a row of the table; the message says why."""


def _within_bounds(found: FoundVersion) -> FoundVersion:
    """The version, without its files if they are too large."""
    files, too_large_bytes = found.source.files, found.source.too_large_bytes
    for what, text in (("module", found.module), ("version", found.version)):
        if len(text) > _LONGEST[what]:
            raise _CannotBeARowError(
                f"the name of the {what} has {len(text)} characters, expected at most {_LONGEST[what]}"
            )
    if found.source.problem is not None:
        raise _CannotBeARowError(found.source.problem)
    if too_large_bytes is not None:
        if too_large_bytes > _MOST_SIZE_BYTES:
            raise _CannotBeARowError(f"has {too_large_bytes:,} bytes of source, expected at most {_MOST_SIZE_BYTES:,}")
        return found
    if faults := [str(fault) for fault in faults_of_files(Version(found.format, files), Limits())]:
        raise _CannotBeARowError(faults[0])
    try:
        size = len(as_postgres_writes(canonical(json.dumps(files, ensure_ascii=False))).encode())
    except JsonError as error:
        raise _CannotBeARowError(f"the source {error}") from error
    return replace(found, source=Source({}, too_large_bytes=_size(files))) if size > MOST_BYTES else found


def _known(folder: Path) -> set[str]:
    """The event ids in the files of earlier imports."""
    found = set()
    for path in sorted(folder.glob(f"{_PREFIX}*.ndjson")):
        with path.open("rb") as lines:
            try:
                found |= {json.loads(line)["event_id"] for line in lines}
            except (ValueError, LookupError, TypeError) as error:
                raise ImportRefusedError(f"{path} is not as an import has written it: move it away") from error
    return found
