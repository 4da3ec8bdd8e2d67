"""Versions of schemas in the history of a git repository: its tags, or the commits that touch schemas.

Only objects are read, by git itself: nothing is checked out, and no setting of the repository runs a program.
"""

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from analytics_etl.pipeline.schema_check import SUFFIXES
from analytics_etl.pipeline.schema_folders import FoundVersion, ImportRefusedError, Source, by_number, suffix_of
from analytics_etl.schemas import Format, Limits

_ENVIRONMENT = {"LC_ALL": "C.UTF-8", "GIT_CONFIG_NOSYSTEM": "1", "GIT_NO_LAZY_FETCH": "1", "GIT_OPTIONAL_LOCKS": "0"}
_LINK = "120000"


@dataclass(frozen=True)
class _Point:
    """A tag or commit."""

    name: str
    commit: str
    at: datetime


@dataclass(frozen=True)
class Repository:
    """A repository, and the folder in it that paths of schemas are relative to."""

    path: Path
    folder: str = ""

    def versions(self, by: Literal["tags", "commits"], module: str, format_: Format | None) -> list[FoundVersion]:
        """The versions in order of time. Of a point without schemas there is none."""
        points = list(self._tags() if by == "tags" else self._commits())
        if not points:
            hint = "import its commits: --git commits" if by == "tags" else "expected one that touches schemas"
            raise ImportRefusedError(f"{self.path} has no {by}; {hint}")
        format_ = format_ or self._format(points[-1].commit)
        found: list[FoundVersion] = []
        for point in points:
            source = self._source(point.commit, suffix_of(format_))
            if source is not None:
                before = found[-1].version if found else None
                found.append(FoundVersion(module, point.name, format_, source, point.at, before))
        if not found:
            raise ImportRefusedError(f"{self.path} has no {suffix_of(format_)} file in any of its {by}")
        return found

    def _tags(self) -> Iterator[_Point]:
        """The tags in order of time; of one time, in that of their numbers."""
        form = "%(refname:strip=2)%00%(objectname)%00%(creatordate:unix)"
        lines = self._git("for-each-ref", "refs/tags", f"--format={form}").decode().splitlines()
        tags = [(name, commit, int(at)) for name, commit, at in (line.split("\0") for line in lines) if at]
        for name, commit, at in sorted(tags, key=lambda tag: (tag[2], by_number(tag[0]))):
            yield _Point(name, commit, datetime.fromtimestamp(at, UTC))

    def _commits(self) -> Iterator[_Point]:
        """The commits that touch schemas, first parents only: what was merged counts when it was merged."""
        paths = [f":(glob){self.folder}{'/' if self.folder else ''}**/*{suffix}" for suffix in SUFFIXES]
        listed = self._git("log", "--first-parent", "--reverse", "--format=%H %ct", "HEAD", "--", *paths)
        for line in listed.decode().splitlines():
            commit, at = line.split()
            yield _Point(commit[:12], commit, datetime.fromtimestamp(int(at), UTC))

    def _format(self, commit: str) -> Format:
        names = [name for _, _, _, name in self._tree(commit)]
        found = {f for suffix, f in SUFFIXES.items() if any(name.endswith(suffix) for name in names)}
        if len(found) != 1:
            what = "files of several formats" if found else "no .proto, .avsc or .json file in its newest version"
            raise ImportRefusedError(f"{self.path} has {what}; name the format: --schema-format, or a folder: --folder")
        return found.pop()

    def _tree(self, commit: str) -> Iterator[tuple[str, str, int, str]]:
        """(mode, object, bytes, path) of each file of the folder."""
        tree = f"{commit}^{{tree}}" if not self.folder else f"{commit}:{self.folder}"
        try:
            listed = self._git("ls-tree", "-r", "-z", "--long", tree)
        except ImportRefusedError:
            if not self.folder:
                raise
            return  # the folder is not in every version
        for entry in filter(None, listed.decode(errors="surrogateescape").split("\0")):
            fields, _, name = entry.partition("\t")
            mode, kind, item, size = fields.split()
            if kind == "blob":
                yield mode, item, int(size), name

    def _source(self, commit: str, suffix: str) -> Source | None:
        """The schemas of a commit, and what is wrong with them; None if there are none."""
        entries = [entry for entry in self._tree(commit) if entry[3].endswith(suffix)]
        limits = Limits()
        if not entries:
            return None
        if len(entries) > limits.files:
            return Source({}, f"has {len(entries):,} files, expected at most {limits.files:,}")
        if links := [name for mode, _, _, name in entries if mode == _LINK]:
            return Source({}, f"{links[0]} is a link, which is not followed")
        if (size := sum(each[2] for each in entries)) > limits.source_bytes:
            return Source({}, too_large_bytes=size)
        blobs = self._git("cat-file", "--batch", given="".join(f"{item}\n" for _, item, _, _ in entries).encode())
        texts, at = {}, 0
        for _, _, size, name in entries:
            at = blobs.index(b"\n", at) + 1
            try:
                texts[name] = blobs[at : at + size].decode()
            except UnicodeDecodeError as error:
                return Source({}, f"{name} is not UTF-8: byte {error.start:,} cannot be read")
            at += size + 1
        return Source(texts)

    def _git(self, *arguments: str, given: bytes | None = None) -> bytes:
        program = shutil.which("git")
        if program is None:
            raise ImportRefusedError("git is not installed, which reads the history: expected it on PATH")
        command = [program, "-c", "safe.directory=*", "-c", "core.fsmonitor=false", "-C", str(self.path), *arguments]
        done = subprocess.run(command, input=given, capture_output=True, env=_ENVIRONMENT, check=False)
        if done.returncode:
            said = done.stderr.decode(errors="replace").strip().splitlines() or ["it did not say why"]
            raise ImportRefusedError(f"{self.path} cannot be read by git: {said[-1]}")
        return done.stdout
