"""What lies in the landing zone, and its bytes: listing, decompression, lines. Knows no contract and no database."""

import csv
import hashlib
import json
import os
import re
import tempfile
import threading
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from itertools import islice
from pathlib import Path
from typing import IO, BinaryIO, Literal, Protocol

import numpy as np
import pyarrow as pa
import zstandard

FORMATS = {".ndjson": "ndjson", ".jsonl": "ndjson", ".json": "ndjson", ".csv": "csv", ".parquet": "parquet"}
COMPRESSIONS = {".gz": "gzip", ".zst": "zstd"}

LONGEST_LINE = 1 << 20
"""Bytes; a longer line is rejected, so that one bad file cannot fill the memory."""

LONGEST_CONTENT = 10_000
"""Characters that are kept of a rejected row."""

REJECTED_AT_ONCE = 5_000
"""Rejected rows that are in memory together: as objects they take much of it."""

DELIMITERS = (",", ";", "\t")
"""What may separate the fields of a CSV file: the one its header holds most of."""

_READ_SIZE = 1 << 16
_BLOCK_SIZE = 1 << 20

UNREADABLE = (OSError, EOFError, zlib.error, zstandard.ZstdError)
"""What reading a damaged, truncated or vanished file raises."""

_DATE = re.compile("([0-9]{4})-?([0-9]{2})-?([0-9]{2})")
"""As the checks of files look for it."""

LINE_BATCH = pa.schema([("_line", pa.int64()), ("_raw", pa.string())])


@dataclass(frozen=True)
class LandingFile:
    """One file below `landing/<table>/`."""

    path: str
    """Relative to the landing folder, with forward slashes."""
    landing_dir: Path
    size_bytes: int
    modified_at: datetime
    file_format: str | None
    compression: str | None
    source: str | None
    """Name of the source mapping, for a file below `landing/<table>/<source>/`."""
    problem: str | None = None
    """Why it cannot be read at all, when that shows from outside."""

    @property
    def absolute(self) -> Path:
        return self.landing_dir / self.path

    @property
    def named_day(self) -> date | None:
        """The first date in its path, as in `2025-03-31.ndjson` or `20250331/a.csv`; None without one."""
        found = _DATE.search(self.path)
        try:
            return None if found is None else date(*map(int, found.groups()))
        except ValueError:  # digits like a date's, but no such day
            return None


def list_files(landing_dir: Path, table: str, sources: frozenset[str]) -> list[LandingFile]:
    """Every file below the table's folder, sorted by path. Names that begin with . or _ or end in .tmp or .part are
    work in progress of whoever writes them and are passed over.
    """
    entries = sorted(_entries(str(landing_dir / table), (table,)), key=lambda found: found[1])
    listed = (_landing_file(landing_dir, entry, parts, sources) for entry, parts in entries)
    return [file for file in listed if file is not None]


def _entries(folder: str, above: tuple[str, ...]) -> Iterator[tuple["os.DirEntry[str]", tuple[str, ...]]]:
    """Everything below a folder with the parts of its path, except work in progress; links are not followed.

    Years of hourly files are listed every minute, which pathlib would take seconds for.
    """
    try:
        scanned = os.scandir(folder)
    except (FileNotFoundError, NotADirectoryError):  # between two looks; or there is nothing yet
        return
    with scanned:
        for entry in scanned:
            if entry.name.startswith((".", "_")) or entry.name.endswith((".tmp", ".part")):
                continue
            parts = (*above, entry.name)
            yield entry, parts
            if entry.is_dir(follow_symlinks=False):
                yield from _entries(entry.path, parts)


def _landing_file(
    landing_dir: Path, entry: "os.DirEntry[str]", parts: tuple[str, ...], sources: frozenset[str]
) -> LandingFile | None:
    """What the listing says of an entry; None for an ordinary folder, and for what has just been taken away."""
    stem, compression = _strip(entry.name.lower(), COMPRESSIONS)
    _, file_format = _strip(stem, FORMATS)
    if entry.is_dir():
        if file_format is None:
            return None
        problem: str | None = "is a directory named like a file; expected a file"
    elif not entry.is_file():
        problem = "is no regular file (or a link to nothing)"
    elif file_format is None:
        problem = f"has an unknown ending; expected {', '.join(FORMATS)}, alone or with {' or '.join(COMPRESSIONS)}"
    else:
        problem = None
    try:
        status = entry.stat(follow_symlinks=problem is None)
    except FileNotFoundError:  # between the listing and here
        return None
    return LandingFile(
        path="/".join(parts),
        landing_dir=landing_dir,
        size_bytes=0 if problem else status.st_size,
        modified_at=datetime.fromtimestamp(status.st_mtime, UTC),
        file_format=file_format,
        compression=compression,
        source=parts[1] if len(parts) > 2 and parts[1] in sources else None,  # noqa: PLR2004 - table, source, file
        problem=problem,
    )


def _strip(name: str, endings: dict[str, str]) -> tuple[str, str | None]:
    for ending, meaning in endings.items():
        if name.endswith(ending):
            return name.removesuffix(ending), meaning
    return name, None


@dataclass(frozen=True)
class RejectedRow:
    """A row, or with line None a whole file, that does not fit; why, and what stood there."""

    line: int | None
    reason: str
    content: str | None
    day: date | None = None


class WaitingRows:
    """Rejected rows until somebody takes them: a few in memory, more in a file, since reading runs ahead of it."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._rows: list[RejectedRow] = []
        self._file: IO[str] | None = None
        self._lock = threading.Lock()  # DuckDB reads on a thread of its own

    def append(self, row: RejectedRow) -> None:
        with self._lock:
            self._rows.append(row)
            if len(self._rows) >= REJECTED_AT_ONCE:
                if self._file is None:  # it has no name, so nothing stays behind; take() closes it
                    self._file = tempfile.TemporaryFile("w+", encoding="utf-8", dir=self._folder)  # noqa: SIM115
                json.dump([(waiting.line, waiting.reason, waiting.content) for waiting in self._rows], self._file)
                self._file.write("\n")
                self._rows = []

    def take(self) -> Iterator[list[RejectedRow]]:
        """The rows so far, at most REJECTED_AT_ONCE at a time."""
        with self._lock:
            file, rows = self._file, self._rows
            self._file, self._rows = None, []
        if file is not None:
            with file:
                file.seek(0)
                for text in file:
                    yield [RejectedRow(*values) for values in json.loads(text)]
        if rows:
            yield rows


@dataclass
class FileState:
    """What became of one file; filled while it is read."""

    state: Literal["read", "cut_off", "rejected"] = "read"
    reasons: list[str] = field(default_factory=list)
    checksum: str = ""
    rejected: WaitingRows = field(default_factory=WaitingRows)
    """Rows that never became records. Whoever reads takes them from time to time."""

    def fail(self, state: Literal["cut_off", "rejected"], reason: str, line: int | None = None) -> None:
        self.state = state
        self.reasons.append(reason)
        self.rejected.append(RejectedRow(line, reason, None))


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, /) -> bytes: ...


class _Plain:
    eof = False
    unused_data = b""

    def decompress(self, data: bytes) -> bytes:
        return data


def decompressed(file: BinaryIO, compression: str | None, digest: "hashlib._Hash") -> Iterator[bytes]:
    """The file's content in pieces; raises EOFError when a compressed stream ends too early, zlib.error or
    zstandard.ZstdError when it is damaged. `digest` is fed with the bytes as they lie on disk.
    """

    def start() -> _Decompressor:
        if compression == "gzip":
            return zlib.decompressobj(wbits=31)
        if compression == "zstd":
            return zstandard.ZstdDecompressor(max_window_size=1 << 27).decompressobj()
        return _Plain()

    decompressor = start()
    is_inside = False
    while data := file.read(_READ_SIZE):
        digest.update(data)
        while data:
            if decompressor.eof:  # files may be several compressed streams, one after the other
                decompressor = start()
            is_inside = True
            piece = decompressor.decompress(data)
            if piece:
                yield piece
            data = decompressor.unused_data if decompressor.eof else b""
            is_inside = not decompressor.eof
    if compression and is_inside:
        raise EOFError("the compressed stream ends too early")


class Lines:
    """The lines of a text file in blocks, with their numbers; what is no line is put aside in the file's state."""

    def __init__(self, file: LandingFile, state: FileState) -> None:
        self._file = file
        self._state = state
        self._next_line = 1

    def blocks(self) -> Iterator[bytearray]:
        """The file in blocks of about 4 MB that end with a line break."""
        digest = hashlib.sha256()
        block = bytearray()
        error = None
        is_first = True
        try:
            with self._file.absolute.open("rb") as opened:
                for piece in decompressed(opened, self._file.compression, digest):
                    block += piece.removeprefix(b"\xef\xbb\xbf") if is_first else piece
                    is_first = False
                    if len(block) >= _BLOCK_SIZE:
                        rest = self._cut(block)
                        if block:
                            yield block
                        block = rest
        except UNREADABLE as problem:
            error = problem
        if error is None:
            if block:
                if not block.endswith(b"\n"):
                    block += b"\n"
                yield block
        else:
            rest = self._cut(block)
            if block:
                yield block
            self._give_up(error, rest)
        self._state.checksum = digest.hexdigest()

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Record batches of LINE_BATCH; blank lines are passed over."""
        for block in self.blocks():
            yield self._batch(block)

    def reject(self, line: int, reason: str, content: bytes) -> None:
        self._state.rejected.append(RejectedRow(line, reason, printable(content)))

    def _give_up(self, error: Exception, rest: bytearray) -> None:
        what = (
            "was there when the folder was listed and is gone" if isinstance(error, FileNotFoundError) else str(error)
        )
        if self._next_line == 1 and not rest:
            self._state.fail("rejected", f"cannot be read: {what}")
        else:
            reason = f"cannot be read to its end: {what}; the lines before line {self._next_line} are loaded"
            self._state.fail("cut_off", reason, self._next_line)

    def _cut(self, block: bytearray) -> bytearray:
        """Cut a block behind its last line break; returns what follows, of a line too long only the beginning."""
        end = block.rfind(b"\n") + 1
        rest = block[end : end + 2 * LONGEST_LINE]
        del block[end:]
        return rest

    def _count(self, lines: int) -> int:
        """The number of the first of some more lines."""
        first = self._next_line
        self._next_line += lines
        return first

    def _batch(self, block: bytearray) -> pa.RecordBatch:
        breaks = np.flatnonzero(np.frombuffer(block, dtype=np.uint8) == ord("\n"))
        first_line = self._count(len(breaks))
        offsets = np.empty(len(breaks) + 1, dtype=np.int32)
        offsets[0] = 0
        offsets[1:] = breaks + 1
        lines = pa.StringArray.from_buffers(len(breaks), pa.py_buffer(offsets), pa.py_buffer(block))
        numbers = np.arange(first_line, first_line + len(breaks), dtype=np.int64)
        lengths = np.diff(offsets)
        if _is_utf8(block, lines) and lengths.min() > 2 and lengths.max() <= LONGEST_LINE:  # noqa: PLR2004 - no blank line
            return pa.record_batch([pa.array(numbers), lines], schema=LINE_BATCH)
        return self._sorted_out(first_line, bytes(block))

    def _sorted_out(self, first_line: int, block: bytes) -> pa.RecordBatch:
        """The same line by line, for a block that holds a line that is none."""
        numbers, texts = [], []
        for number, line in enumerate(block[:-1].split(b"\n"), first_line):
            text = self.text(number, line)
            if text is not None and text.strip():
                numbers.append(number)
                texts.append(text)
        return pa.record_batch([pa.array(numbers, pa.int64()), pa.array(texts, pa.string())], schema=LINE_BATCH)

    def numbered(self, block: bytes) -> Iterator[tuple[int, str]]:
        """The lines of a block as text with their line breaks, each with its number."""
        raw = block[:-1].split(b"\n")
        first_line = self._count(len(raw))
        try:
            texts: list[str | None] = list(block[:-1].decode("utf-8").split("\n"))
            is_text = max(map(len, raw)) <= LONGEST_LINE
        except UnicodeDecodeError:
            is_text = False
        if not is_text:
            texts = [self.text(number, line) for number, line in enumerate(raw, first_line)]
        for number, text in enumerate(texts, first_line):
            if text is not None:
                yield number, text + "\n"

    def text(self, number: int, line: bytes) -> str | None:
        """The line as text, or None when it was rejected."""
        if len(line) > LONGEST_LINE:
            self.reject(number, f"the line is longer than {LONGEST_LINE:,} bytes", line)
            return None
        try:
            return line.decode("utf-8")
        except UnicodeDecodeError as error:
            self.reject(number, f"the line is no valid UTF-8 at byte {error.start}", line)
            return None


def _is_utf8(block: bytearray, lines: pa.StringArray) -> bool:
    if block.isascii():  # nearly always, and found out at the speed of memory
        return True
    try:
        lines.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def printable(content: bytes | str) -> str:
    """At most LONGEST_CONTENT characters that PostgreSQL can store."""
    text = content.decode("utf-8", errors="replace") if isinstance(content, bytes) else content
    return text[:LONGEST_CONTENT].replace("\x00", "\N{REPLACEMENT CHARACTER}").rstrip("\r\n")


def csv_records(lines: Lines) -> Iterator[tuple[int, list[str], str]]:
    """(line, fields, raw text) of each record; quoted fields may span lines. A record that is no CSV is rejected by its
    first line, and reading goes on with the next. The header tells what separates the fields.
    """
    csv.field_size_limit(LONGEST_LINE)
    source = _decoded(lines)
    # Lines read ahead and given back; the header, to begin with.
    pending = list(islice((line for line in source if line[1].strip()), 1))
    delimiter = max(DELIMITERS, key="".join(text for _, text in pending).count)
    consumed: list[tuple[int, str]] = []  # lines of the record at hand

    def feed() -> Iterator[str]:
        while True:
            item = pending.pop(0) if pending else next(source, None)
            if item is None:
                return
            consumed.append(item)
            yield item[1]

    while True:
        reader = csv.reader(feed(), strict=True, delimiter=delimiter)
        try:
            for fields in reader:
                if fields:
                    yield consumed[0][0], fields, "".join(text for _, text in consumed)
                consumed.clear()
        except csv.Error as error:
            number, text = consumed[0]
            lines.reject(number, f"the line is no valid CSV: {error}", text.encode())
            pending[:0] = consumed[1:]
            consumed.clear()
        else:
            return


def _decoded(lines: Lines) -> Iterator[tuple[int, str]]:
    for block in lines.blocks():
        yield from lines.numbered(bytes(block))
