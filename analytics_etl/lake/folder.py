"""A lake that is a folder.

A file is written in a staging folder of the lake, synced, and moved to its name.
"""

import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from analytics_etl.disk import private
from analytics_etl.disk.scratch import Scratch
from analytics_etl.lake.files import LakeError, LakeFile, known_sha256, path_of, sha256_of

STAGING = "_staging"
"""The folder of files that are being written. Readers of Hive layouts skip names that begin with an underscore."""


@dataclass(frozen=True)
class FolderLake:
    """The folder of the lake, see `Lake`."""

    folder: Path

    def scratch(self) -> Scratch:
        """A folder on the same file system, so that a file in it can be moved into the lake."""
        private.make_folder(self.folder, self.folder)
        return Scratch(self.folder / STAGING)

    def place(self, written: Path, table: str, day: date) -> tuple[str, str]:
        digest = sha256_of(written)
        path = path_of(table, day, digest)
        target = self.folder / path
        move_into(written, target, self.folder)
        _sync_folders(target.parent, self.folder)
        return path, digest

    def locate(self, file: LakeFile) -> Path:
        path = self.folder / file.path
        try:
            size = path.stat().st_size
        except FileNotFoundError:
            raise file.missing(path) from None
        if size != file.size_bytes:
            raise file.damaged(path, f"it has {size:,} bytes, expected {file.size_bytes:,}")
        return path

    def verified(self, file: LakeFile) -> Path:
        path = self.locate(file)
        found = known_sha256(path)
        if found != file.sha256:
            raise file.damaged(path, f"its SHA-256 is {found}, expected {file.sha256}")
        return path

    def reread(self, file: LakeFile) -> Path:
        return self.verified(file)

    def problems(self, files: Sequence[LakeFile]) -> list[str]:
        found = []
        for file in files:
            try:
                self.locate(file)
            except LakeError as error:
                found.append(str(error))
        return found

    def unbooked(self, booked: Sequence[str], grace_seconds: float) -> Iterator[tuple[str, int]]:
        known, before = set(booked), time.time() - grace_seconds
        for path in self.folder.glob("*/*/day=*/*.parquet"):
            name = path.relative_to(self.folder).as_posix()
            status = path.stat()
            if name not in known and status.st_mtime < before:
                yield name, status.st_size

    def remove(self, path: str) -> None:
        """Remove a file and the folder of its day if that is empty now."""
        target = self.folder / path
        target.unlink(missing_ok=True)
        try:
            target.parent.rmdir()
        except OSError:  # it holds another file, or is gone already
            return

    def remove_unfinished(self, grace_seconds: float) -> None:  # noqa: ARG002 - its lock shows whether a writer lives
        if (self.folder / STAGING).is_dir():
            self.scratch().remove()  # whoever makes one removes those of dead processes


def move_into(written: Path, target: Path, top: Path) -> None:
    """Move a written file to its name below a folder, with the permissions that are usual there."""
    private.make_folder(target.parent, top)
    # The copy in the staging folder may be as private as that folder; the file is as private as its own.
    written.chmod(private.permissions_in(target.parent))
    written.replace(target)


def _sync_folders(folder: Path, top: Path) -> None:
    """Make a new name survive a power cut: each folder is an entry of the one above it."""
    for path in (folder, *(parent for parent in folder.parents if parent.is_relative_to(top))):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
