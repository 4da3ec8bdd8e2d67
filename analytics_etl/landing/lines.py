"""The lines of a landing file. Knows no contract and no database."""

import hashlib
from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from analytics_etl.landing.compression import UNREADABLE, decompressed
from analytics_etl.landing.files import LandingFile, reason_without_path
from analytics_etl.landing.rejections import FileState, RejectedRow, printable

LONGEST_LINE = 1 << 20
"""Bytes; a longer line is rejected, so that one bad file cannot fill the memory."""

_BLOCK_SIZE = 1 << 20

LINE_BATCH = pa.schema([("_line", pa.int64()), ("_raw", pa.string())])


class Lines:
    """The lines of a text file, numbered from 1. Rejected lines go into the file's state."""

    def __init__(self, file: LandingFile, state: FileState, longest: int = LONGEST_LINE) -> None:
        self._file = file
        self._state = state
        self._longest = longest
        self._next_line = 1

    def blocks(self) -> Iterator[bytearray]:
        """The file in blocks of a few MB at most that end with a line break. A line that is too long is cut."""
        digest = hashlib.sha256()
        block = bytearray()
        error = None
        is_first = True
        try:
            with self._file.open() as opened:
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
        """Record batches of LINE_BATCH; blank lines are skipped."""
        for block in self.blocks():
            yield self._batch(block)

    def reject(self, line: int, reason: str, content: bytes | str) -> None:
        self._state.rejected.append(RejectedRow(line, reason, printable(content)))

    def _give_up(self, error: Exception, rest: bytearray) -> None:
        what = reason_without_path(error)
        if self._next_line == 1 and not rest:
            self._state.fail("rejected", f"cannot be read: {what}")
        else:
            reason = f"cannot be read to its end: {what}; the lines before line {self._next_line} are loaded"
            self._state.fail("cut_off", reason, self._next_line)

    def _cut(self, block: bytearray) -> bytearray:
        """Cut a block behind its last line break; return the rest, of a line that is too long only the beginning."""
        end = block.rfind(b"\n") + 1
        rest = block[end : end + 2 * self._longest]
        del block[end:]
        return rest

    def _count(self, lines: int) -> int:
        """Count some more lines; return the number of the first."""
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
        if _is_utf8(block, lines) and lengths.min() > 2 and lengths.max() <= self._longest:  # noqa: PLR2004 - no blank line
            return pa.record_batch([pa.array(numbers), lines], schema=LINE_BATCH)
        return self._checked_batch(first_line, bytes(block))

    def _checked_batch(self, first_line: int, block: bytes) -> pa.RecordBatch:
        """The batch of a block that has blank, too long or undecodable lines: slower, each line is checked."""
        numbers, texts = [], []
        for number, line in enumerate(block[:-1].split(b"\n"), first_line):
            text = self.text(number, line)
            if text is not None and text.strip():
                numbers.append(number)
                texts.append(text)
        return pa.record_batch([pa.array(numbers, pa.int64()), pa.array(texts, pa.string())], schema=LINE_BATCH)

    def numbered(self) -> Iterator[tuple[int, str | None]]:
        """(number, text with its line break) of each line; None instead of the text of a rejected line."""
        for block in self.blocks():
            yield from self._texts(bytes(block))

    def _texts(self, block: bytes) -> Iterator[tuple[int, str | None]]:
        raw = block[:-1].split(b"\n")
        first_line = self._count(len(raw))
        try:
            texts: list[str | None] = list(block[:-1].decode("utf-8").split("\n"))
            is_text = max(map(len, raw)) <= self._longest
        except UnicodeDecodeError:
            is_text = False
        if not is_text:
            texts = [self.text(number, line) for number, line in enumerate(raw, first_line)]
        for number, text in enumerate(texts, first_line):
            yield number, None if text is None else text + "\n"

    def text(self, number: int, line: bytes) -> str | None:
        """The line as text; None, after rejecting it, if it is too long or no UTF-8."""
        if len(line) > self._longest:
            self.reject(number, f"the line is longer than {self._longest:,} bytes", line)
            return None
        try:
            return line.decode("utf-8")
        except UnicodeDecodeError as error:
            self.reject(number, f"the line is no valid UTF-8 at byte {error.start}", line)
            return None


def _is_utf8(block: bytearray, lines: pa.StringArray) -> bool:
    if block.isascii():  # true for nearly all blocks, and a fast check
        return True
    try:
        lines.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True
