"""The files of the archive folder: `<family>.<table>/<day>.parquet` and `<day>.json`.

The caller holds the lock of the day. A file is written as `<name>.new`, synced and read back. Then the database commits
its SHA-256, and `rename_committed` gives the new files their final names. After a kill the next call of it does so; new
files that the database did not commit are overwritten. So the old file stays until the new one is committed.
"""

import hashlib
import json
import os
from collections.abc import Generator, Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from analytics_etl.archive.manifest import ArchiveError, Manifest
from analytics_etl.disk import private

_BLOCK = 1 << 20
_ROWS_AT_ONCE = 65_536


@dataclass(frozen=True)
class ArchiveFolder:
    """The folder of all archived days."""

    path: Path

    def file(self, table: str, day: date) -> Path:
        return self.path / table / f"{day.isoformat()}.parquet"

    def manifest(self, table: str, day: date) -> Path:
        return self.path / table / f"{day.isoformat()}.json"

    def new_file(self, table: str, day: date) -> Path:
        """The path of a file until the database has committed it."""
        return _new(self.file(table, day))

    def write_rows(self, table: str, day: date, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> Path:
        """Write a new file, not yet under its final name. Removes it after an error, since the disk may be full."""
        path = self.new_file(table, day)
        private.make_folder(path.parent, self.path)
        try:
            with private.create(path, "wb") as stream:
                with pq.ParquetWriter(stream, schema, compression="zstd") as writer:
                    for batch in batches:
                        writer.write_batch(batch)
                stream.flush()
                os.fsync(stream.fileno())
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return path

    def write_manifest(self, manifest: Manifest) -> None:
        """Write the new manifest beside the new file."""
        with private.create(_new(self.manifest(manifest.table, manifest.day)), encoding="utf-8") as stream:
            stream.write(manifest.to_json())
            stream.flush()
            os.fsync(stream.fileno())
        _sync_folder(self.path / manifest.table)

    def rename_committed(self, manifest: Manifest) -> None:
        """Give new files their final names if they match the manifest that the database has committed."""
        file, beside = self.file(manifest.table, manifest.day), self.manifest(manifest.table, manifest.day)
        moved = False
        if _new(file).exists() and sha256_of(_new(file)) == manifest.sha256:
            _new(file).replace(file)
            moved = True
        if _new(beside).exists() and _new(beside).read_text(encoding="utf-8") == manifest.to_json():
            _new(beside).replace(beside)
            moved = True
        if moved:
            _sync_folder(file.parent)

    def interrupted(self, table: str) -> list[date]:
        """Days with new files: of a process that was killed, or that is writing them now."""
        names = {path.name.partition(".")[0] for path in (self.path / table).glob("*.new")}
        return sorted(date.fromisoformat(name) for name in names)

    def remove_new(self, table: str, day: date) -> None:
        """Remove new files that the database has not committed."""
        for path in (self.file(table, day), self.manifest(table, day)):
            _new(path).unlink(missing_ok=True)

    def check(self, manifest: Manifest) -> None:
        """Raise ArchiveError unless the file has the SHA-256 of the manifest in the database."""
        self.rename_committed(manifest)
        path = self.file(manifest.table, manifest.day)
        if not path.exists():
            raise ArchiveError(f"{path} is missing: put it back from a copy (its SHA-256 is {manifest.sha256})")
        found = sha256_of(path)
        if found != manifest.sha256:
            raise ArchiveError(
                f"{path} is damaged: its SHA-256 is {found}, expected {manifest.sha256}; put it back from a copy"
            )

    def check_manifest(self, manifest: Manifest) -> None:
        """Raise ArchiveError unless the manifest beside the file equals the one in the database."""
        path = self.manifest(manifest.table, manifest.day)
        try:
            beside = Manifest.from_dict(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError) as error:
            raise ArchiveError(f"{path} cannot be read: {error}; the day is to be exported anew") from error
        if beside != manifest:
            raise ArchiveError(f"{path} is not the manifest that was verified; the day is to be exported anew")

    def read(self, manifest: Manifest) -> Generator[pa.Table, None, None]:
        """The rows of a file in batches. Raises ArchiveError first if the file is damaged."""
        self.check(manifest)
        with pq.ParquetFile(self.file(manifest.table, manifest.day)) as parquet:
            for batch in parquet.iter_batches(batch_size=_ROWS_AT_ONCE):
                yield pa.Table.from_batches([batch])


def sha256_of(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _new(path: Path) -> Path:
    return path.with_name(f"{path.name}.new")


def _sync_folder(folder: Path) -> None:
    """Make renames in a folder survive a power cut. The parent is synced, too: the folder is an entry of it."""
    for path in (folder, folder.parent):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
