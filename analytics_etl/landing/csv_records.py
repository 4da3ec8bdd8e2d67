"""The records of a CSV file, in linear time even with broken quotes. Knows no contract.

Python's csv module decides what a record is. A quote that is never closed swallows the lines after it. The reader then
rejects only the line with that quote and reads the swallowed lines again, each as a record of its own. To search them
for records of several lines would take quadratic time and find none: a quoted field that is open at the beginning of a
line ends the same way whichever line opened it.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

from analytics_etl.landing.lines import LONGEST_LINE, Lines

DELIMITERS = (",", ";", "\t")
"""Possible delimiters. A file uses the one that is most frequent in its header."""

LONGEST_RECORD = LONGEST_LINE
"""Bytes of a record, over all of its lines."""
MOST_LINES = 50_000
"""Lines of a record. Each is a Python object until the record ends, so many of them fill the memory."""

Line = tuple[int, str | None]
"""Number and text of a line; the text of a rejected line is None."""

Record = tuple[int, list[str], str]
"""Number of the first line, fields and text of a record."""


def csv_records(lines: Lines) -> Iterator[Record]:
    """Each record, the header first. The header decides the delimiter and the number of fields.

    Rejects a broken record by its first line and goes on with the next line.
    """
    csv.field_size_limit(LONGEST_RECORD)
    source = lines.numbered()
    header = list(islice((line for line in source if line[1] is not None and line[1].strip()), 1))
    delimiter = max(DELIMITERS, key="".join(text or "" for _, text in header).count)
    return _Reader(lines, source, delimiter, header).records()


class _EndsHereError(csv.Error):
    """The record cannot be completed: it is too long, or runs into a rejected line."""


@dataclass
class _Reader:
    """Reads records, and reads lines that a broken record swallowed again."""

    lines: Lines
    source: Iterator[Line]
    delimiter: str
    pending: list[Line] = field(default_factory=list)
    """Lines to read again; a stack."""
    consumed: list[tuple[int, str]] = field(default_factory=list)
    """The lines of the current record."""
    expected: int | None = None
    """Number of fields of a record; None before the header is read."""

    def records(self) -> Iterator[Record]:
        while True:
            reader = self._reader(self._feed())
            try:
                for fields in reader:
                    if self.expected is None and fields:
                        self.expected = len(fields)
                    if len(fields) == self.expected:
                        yield self.consumed[0][0], fields, "".join(text for _, text in self.consumed)
                    elif fields:
                        yield from self._miscounted(len(fields))
                    self.consumed.clear()
            except csv.Error as error:
                yield from self._recover(error)
            else:
                return

    def _reader(self, texts: Iterator[str]) -> Iterator[list[str]]:
        return csv.reader(texts, strict=True, delimiter=self.delimiter)

    def _feed(self) -> Iterator[str]:
        """The texts of the lines from the current record on."""
        size = 0
        while True:
            item = self.pending.pop() if self.pending else next(self.source, None)
            if item is None:
                return
            number, text = item
            if not self.consumed:
                size = 0
            if text is None:
                if self.consumed:
                    self.pending.append(item)
                    raise _EndsHereError(f"a quoted field runs into line {number}, which cannot be read")
                continue
            size += len(text) if text.isascii() else len(text.encode())
            if self.consumed and (size > LONGEST_RECORD or len(self.consumed) == MOST_LINES):
                self.pending.append(item)
                what = f"longer than {LONGEST_RECORD:,} bytes or {MOST_LINES:,} lines"
                raise _EndsHereError(f"the record is {what}, perhaps for want of a quote")
            self.consumed.append((number, text))
            yield text

    def _recover(self, error: csv.Error) -> Iterator[Record]:
        """Go on after a broken record: reject its first line and read the swallowed lines again.

        The csv module failed in the last line, so that line may begin a record of several lines: it is read again as
        any other. Only at the end of the input was the last line inside the open field, too.
        """
        reason = f"the line is no valid CSV: {error}"
        swallowed = self._reject_first(reason)
        is_at_end = "unexpected end of data" in str(error)
        if swallowed and not is_at_end:
            self.pending.append(swallowed.pop())
        yield from self._line_by_line(swallowed, reason)

    def _miscounted(self, count: int) -> Iterator[Record]:
        """Reject a record with too many or too few fields.

        If a line in its middle is a record by itself, a missing quote has joined the lines: they are read again.
        """
        reason = f"expected {self.expected} fields as in the header, got {count}"
        if not any(len(self._fields(text) or ()) == self.expected for _, text in self.consumed[1:-1]):
            number = self.consumed[0][0]
            self.lines.reject(number, reason, "".join(text for _, text in self.consumed))
            return
        swallowed = self._reject_first(f"{reason}, in {len(self.consumed)} lines: a quote may be missing")
        self.pending.append(swallowed.pop())
        open_quote = "the line is no valid CSV: a quote in it is not closed as it should be"
        yield from self._line_by_line(swallowed, open_quote)

    def _reject_first(self, reason: str) -> list[tuple[int, str]]:
        """Reject the current record by its first line; return the other lines."""
        (number, text), *others = self.consumed
        self.lines.reject(number, reason, text)
        self.consumed = []
        return others

    def _line_by_line(self, swallowed: list[tuple[int, str]], reason: str) -> Iterator[Record]:
        """The records among swallowed lines, read as one record a line; reject the other lines."""
        for number, text in swallowed:
            try:
                fields = next(self._reader(iter([text])))
            except csv.Error as error:
                is_open = "unexpected end of data" in str(error)
                self.lines.reject(number, reason if is_open else f"the line is no valid CSV: {error}", text)
                continue
            if len(fields) == (self.expected or len(fields)):
                self.expected = self.expected or len(fields)
                yield number, fields, text
            elif fields:
                count = f"expected {self.expected} fields as in the header, got {len(fields)}"
                self.lines.reject(number, count, text)

    def _fields(self, text: str) -> list[str] | None:
        """The fields of a line; None if it is no valid CSV."""
        try:
            return next(self._reader(iter([text])))
        except csv.Error:
            return None
