"""The files of the archive folder: `<family>.<table>/<day>.parquet`, and beside it the manifest `<day>.json`.

A file was written as `<name>.new` and got its final name after the database had committed its SHA-256. A killed process
may have left it under either name, so the SHA-256 decides which one it is.
"""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from analytics_etl.archive.manifest import Manifest
from analytics_etl.lake.files import LakeError, sha256_of


@dataclass(frozen=True)
class ArchiveFolder:
    """The folder of all days that an earlier version archived."""

    path: Path

    def file(self, table: str, day: date) -> Path:
        return self.path / table / f"{day.isoformat()}.parquet"

    def files(self, table: str, day: date) -> list[Path]:
        """Everything there is of a day: file, manifest, and what a killed process left of them."""
        return sorted(self.file(table, day).parent.glob(f"{day.isoformat()}.*"))

    def has(self, table: str, day: date, size: int) -> bool:
        """Whether there is a file of a day that has the size in the books."""
        return any(path.stat().st_size == size for path in _either(self.file(table, day)))

    def unfinished(self, table: str) -> dict[date, list[Path]]:
        """{day: what a killed process left of it}."""
        found: dict[date, list[Path]] = {}
        for path in sorted((self.path / table).glob("????-??-??.*.new")):
            found.setdefault(date.fromisoformat(path.name.partition(".")[0]), []).append(path)
        return found

    def verified(self, manifest: Manifest) -> Path:
        """The path of a day's file. Raise LakeError unless its SHA-256 is the one in the books."""
        path = self.file(manifest.table, manifest.day)
        found = {file: sha256_of(file) for file in _either(path)}
        for file, digest in found.items():
            if digest == manifest.sha256:
                return file
        if not found:
            raise LakeError(f"{path} is missing: put it back from a copy (its SHA-256 is {manifest.sha256})")
        raise LakeError(
            f"{path} is damaged: its SHA-256 is {', '.join(found.values())}, expected {manifest.sha256}; "
            "put it back from a copy"
        )

    def remove(self, table: str, day: date) -> None:
        """Remove everything there is of a day, and the folder of its table if that is empty now."""
        for path in self.files(table, day):
            path.unlink(missing_ok=True)
        try:
            (self.path / table).rmdir()
        except OSError:  # it holds another day, or is gone already
            return


def _either(path: Path) -> list[Path]:
    """Those files that exist of a final name and the one before it."""
    return [file for file in (path, path.with_name(f"{path.name}.new")) if file.exists()]
