"""The manifests of a folder of exports: `manifest.json` lists the tables, and each has one with its partitions.

A reader begins at `manifest.json`. All other files have the start of their SHA-256 in their names and never change: so
whatever a manifest says is true, also after a kill between any two steps. No manifest has the time of an export.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from analytics_etl.disk.whole_files import whole_file
from analytics_etl.lake.files import sha256_of

INDEX = "manifest.json"
SCHEMA_VERSION = 1
_DIGITS = 16
_LONGEST_NAME = 255

CONVENTIONS = {
    "csv": "RFC 4180 in UTF-8: a header, lines end with CR LF. An empty cell is NULL, an empty text is two quotes. "
    "Times are UTC, ISO 8601 with a Z. Numbers are exact: each digit that tells a double from the next. A text that "
    "begins with = + - @, a tab or a line break has an apostrophe before it, so that no spreadsheet computes it.",
    "parquet": "zstd, with types. Times are UTC in microseconds. Texts are exact; JSON and UUIDs are texts.",
    "order": "Rows are in order of the key, texts by their bytes.",
}

JsonObject = dict[str, Any]


class ManifestError(RuntimeError):
    """A manifest is damaged; the message names it and what to type."""


def folder_of_tenant(folder: Path, tenant: str) -> Path:
    """The folder of a tenant's own exports, complete in itself. Raise ValueError for a name that no folder can have."""
    name = quote(tenant, safe="")
    if name.startswith("."):
        name = f"%2E{name[1:]}"
    if not name or len(name) > _LONGEST_NAME:
        raise ValueError(f"expected a tenant that a folder can be named after, got {tenant!r}")
    return folder / "tenants" / name


def read_index(folder: Path) -> JsonObject | None:
    """What lies in a folder of exports: an entry for each table; None if nothing was exported to it."""
    path = folder / INDEX
    return _read(folder, path) if path.is_file() else None


def read_table(folder: Path, table: str) -> JsonObject | None:
    """The partitions of a table with their files and checksums; None if it is not exported."""
    entry = _entry(folder, table)
    while entry is not None:
        path = folder / entry["manifest"]["path"]
        try:
            if not path.resolve().is_relative_to(folder.resolve()) or sha256_of(path) != entry["manifest"]["sha256"]:
                raise _damaged(folder, path)
            return _read(folder, path)
        except FileNotFoundError:
            before, entry = entry, _entry(folder, table)
            if entry == before:  # no export has replaced it meanwhile
                raise _damaged(folder, path) from None
    return None


def _entry(folder: Path, table: str) -> JsonObject | None:
    index = read_index(folder)
    return next((found for found in index["tables"] if found["table"] == table), None) if index else None


def write_table(folder: Path, manifest: JsonObject) -> JsonObject:
    """Write the manifest of a table; return its entry for the index."""
    partitions = manifest["partitions"]
    content = _text(manifest)
    digest = hashlib.sha256(content).hexdigest()
    path = f"{folder_of_table(manifest['table'])}/manifest.{digest[:_DIGITS]}.json"
    _write(folder, path, content)
    return {
        "table": manifest["table"],
        "description": manifest["description"],
        "cadence": manifest["cadence"],
        "partitions": len(partitions),
        "rows": sum(partition["rows"] for partition in partitions),
        "first": partitions[0]["start"] if partitions else None,
        "last": partitions[-1]["start"] if partitions else None,
        "last_updated": _newest(partitions),
        "manifest": {"path": path, "size_bytes": len(content), "sha256": digest},
    }


def write_index(folder: Path, tenant: str | None, entries: Mapping[str, JsonObject]) -> None:
    """Write the index from {table: its entry}."""
    tables = [entries[table] for table in sorted(entries)]
    index = {
        "schema_version": SCHEMA_VERSION,
        "tenant": tenant,
        "last_updated": _newest(tables),
        "conventions": CONVENTIONS,
        "tables": tables,
    }
    _write(folder, INDEX, _text(index))


def place(folder: Path, table: str, start: str, form: str, written: Path) -> JsonObject:
    """Move a written file to its name; return its entry for the manifest of the table."""
    digest = sha256_of(written)
    path = f"{folder_of_table(table)}/{start}.{digest[:_DIGITS]}.{form}"
    size = written.stat().st_size
    with whole_file(folder / path, folder) as part:
        # The part has the permissions of its folder, which the temporary file has not.
        written.chmod(part.stat().st_mode & 0o777)
        written.replace(part)
    return {"format": form, "path": path, "size_bytes": size, "sha256": digest}


def remove_others(folder: Path, table: str, entry: JsonObject | None, manifest: JsonObject | None) -> int:
    """Remove the files of a table that its manifest does not name; return how many files of rows were removed.

    Only names that an export gives are removed, never what somebody else has put there.
    """
    named = {entry["manifest"]["path"]} if entry else set()
    named |= {file["path"] for partition in (manifest["partitions"] if manifest else ()) for file in partition["files"]}
    ours = re.compile(rf"(manifest|\d{{4}}-\d\d-\d\d)\.[0-9a-f]{{{_DIGITS}}}\.(json|csv|parquet)")
    removed = 0
    own = folder / folder_of_table(table)
    for path in sorted(own.iterdir()) if own.is_dir() else ():
        if ours.fullmatch(path.name) and path.relative_to(folder).as_posix() not in named:
            path.unlink()
            removed += path.suffix != ".json"
    if own.is_dir() and not any(own.iterdir()):
        own.rmdir()
    return removed


def folder_of_table(table: str) -> str:
    """The folder of a table's files, relative to the exports."""
    return table.replace(".", "/")


def _newest(entries: list[JsonObject]) -> str | None:
    return max((entry["last_updated"] for entry in entries if entry["last_updated"]), default=None)


def _read(folder: Path, path: Path) -> JsonObject:
    try:
        found = json.loads(path.read_bytes())
    except ValueError as error:
        raise _damaged(folder, path) from error
    if not isinstance(found, dict) or found.get("schema_version") != SCHEMA_VERSION:
        raise _damaged(folder, path)
    return found


def _damaged(folder: Path, path: Path) -> ManifestError:
    return ManifestError(
        f"{path} is missing, damaged or of another version; to make all files anew: remove {folder / INDEX}, then "
        "analytics-etl export"
    )


def _text(value: JsonObject) -> bytes:
    return (json.dumps(value, indent=1, ensure_ascii=False) + "\n").encode()


def _write(folder: Path, path: str, content: bytes) -> None:
    with whole_file(folder / path, folder) as part:
        part.write_bytes(content)
