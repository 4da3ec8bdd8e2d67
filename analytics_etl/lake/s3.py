"""A lake on S3: the objects below s3://bucket/prefix, and copies of those that were read or written here.

A file is written on this machine, uploaded under its name, and booked after the server has all of its bytes. Whoever
reads a file gets a path on this machine, so nothing that reads Parquet knows of S3.
"""

import time
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path

from analytics_etl.disk.scratch import Scratch
from analytics_etl.lake.bucket import Bucket
from analytics_etl.lake.cache import Cache
from analytics_etl.lake.files import LakeFile, known_sha256, path_of, sha256_of


class S3Lake:
    """The objects below an address like s3://bucket/prefix, see `Lake`."""

    def __init__(self, url: str, copies: Path, limit_bytes: int) -> None:
        """`copies` is the folder of copies, and `limit_bytes` what it may take."""
        self._bucket, self._cache = Bucket(url), Cache(copies, limit_bytes)

    def scratch(self) -> Scratch:
        return self._cache.scratch()

    def place(self, written: Path, table: str, day: date) -> tuple[str, str]:
        digest = sha256_of(written)
        path = path_of(table, day, digest)
        self._bucket.upload(written, path, digest)
        self._cache.take(written, path)
        return path, digest

    def locate(self, file: LakeFile) -> Path:
        return self._cache.find(file) or self._downloaded(file)

    def verified(self, file: LakeFile) -> Path:
        path = self.locate(file)
        if known_sha256(path) == file.sha256:
            return path
        return self._downloaded(file)  # the copy is damaged, not the object

    def reread(self, file: LakeFile) -> Path:
        return self._downloaded(file)

    def problems(self, files: Sequence[LakeFile]) -> list[str]:
        sizes = {stored.path: stored.size_bytes for stored in self._bucket.files()}
        found = []
        for file in files:
            size, where = sizes.get(file.path), self._bucket.address(file.path)
            if size is None:
                found.append(str(file.missing(where)))
            elif size != file.size_bytes:
                found.append(str(file.damaged(where, f"it has {size:,} bytes, expected {file.size_bytes:,}")))
        return found

    def unbooked(self, booked: Sequence[str], grace_seconds: float) -> Iterator[tuple[str, int]]:
        known, before = set(booked), time.time() - grace_seconds
        for stored in self._bucket.files():
            if stored.path not in known and stored.modified < before:
                yield stored.path, stored.size_bytes

    def remove(self, path: str) -> None:
        """Remove an object and its copy here, which may hold personal data. Copies of other machines go with time."""
        self._bucket.remove(path)
        self._cache.remove(path)

    def remove_unfinished(self, grace_seconds: float) -> None:
        self._bucket.end_uploads(time.time() - grace_seconds)
        self.scratch().remove()  # whoever makes one removes those of dead processes

    def _downloaded(self, file: LakeFile) -> Path:
        scratch = self.scratch()
        try:
            part = scratch.path / "downloaded.parquet"
            self._bucket.download(file, part)
            return self._cache.take(part, file.path)
        finally:
            scratch.remove()
