"""The landing files of the demonstration: a list of them, so that they, and no others, can be replaced and removed.

The list lies in the home folder and has the SHA-256 of each file. A file of the same name with other content belongs to
somebody else. Not here: making the events, loading and dropping the days.
"""

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from analytics_etl.config.settings import Settings
from analytics_etl.text.english import spanned

_LIST = "demo.json"
_STAGING = ".demo"
"""Below the landing folder, so that files are moved, not copied; no table has this name."""


@dataclass(frozen=True)
class Known:
    """An existing demonstration."""

    first: date
    last: date
    files: Mapping[str, str]
    """{path below the landing folder: SHA-256}"""

    def __str__(self) -> str:
        return spanned(self.first, self.last)


@dataclass(frozen=True)
class Demonstration:
    """The demonstration of a home folder."""

    settings: Settings

    @property
    def landing_dir(self) -> Path:
        return self.settings.landing_dir

    def known(self) -> Known | None:
        """The demonstration that exists or was begun; None if there is none."""
        try:
            found = json.loads(self._list.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        return Known(date.fromisoformat(found["first"]), date.fromisoformat(found["last"]), found["files"])

    @contextmanager
    def staging(self) -> Iterator[Path]:
        """An empty folder for new files; it is removed at the end."""
        folder = self.landing_dir / _STAGING
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        try:
            yield folder
        finally:
            shutil.rmtree(folder)

    def foreign_files(self, staging: Path) -> list[str]:
        """Files at the places of new ones that do not belong to the demonstration."""
        known = self.known()
        ours = {} if known is None else known.files
        return [
            path
            for path, checksum in _checksums(staging).items()
            if (self.landing_dir / path).exists()
            and _checksum(self.landing_dir / path) not in (checksum, ours.get(path))
        ]

    def put(self, staging: Path, first: date, last: date) -> None:
        """Move new files to their places; an identical file stays, so that it is not read again."""
        files = _checksums(staging)
        self._list.parent.mkdir(parents=True, exist_ok=True)
        # The list is written before the files, so that every file is on it.
        self._list.write_text(json.dumps({"first": str(first), "last": str(last), "files": files}), encoding="utf-8")
        for path, checksum in files.items():
            target = self.landing_dir / path
            if not target.exists() or _checksum(target) != checksum:
                target.parent.mkdir(parents=True, exist_ok=True)
                (staging / path).replace(target)

    def remove_files(self) -> list[str]:
        """Remove the files; returns those that somebody changed, which stay."""
        known, changed = self.known(), []
        for path, checksum in known.files.items() if known is not None else ():
            file = self.landing_dir / path
            if file.exists() and _checksum(file) == checksum:
                file.unlink()
            elif file.exists():
                changed.append(path)
        return changed

    def forget(self) -> None:
        """Remove the list, after days and files are gone."""
        self._list.unlink(missing_ok=True)

    @property
    def _list(self) -> Path:
        return self.settings.home / _LIST


def _checksums(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): _checksum(path) for path in sorted(folder.rglob("*")) if path.is_file()
    }


def _checksum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
