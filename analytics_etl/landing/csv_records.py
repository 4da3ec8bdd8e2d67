"""The records of a CSV file, whatever quotes stand in it, in a time that grows with its size. Knows no contract.

Python's csv module says what a record is. A quote that is never closed as it should be would swallow all that follows:
the record then goes as the line it began in, and each line after it is read again. To read them again and again, once
for each such line, could take hours, so what has been found out is kept: a quoted field that is open at the beginning
of a line ends the same way whichever line opened it.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

from analytics_etl.landing.lines import LONGEST_LINE, Lines

DELIMITERS = (",", ";", "\t")
"""What may separate the fields of a CSV file: the one its header holds most of."""

LONGEST_RECORD = LONGEST_LINE
"""Bytes of a record, which may have many lines."""
MOST_LINES = 50_000
"""Lines of a record: each is an object of its own until the record ends."""

Line = tuple[int, str | None]
"""Its number and text; None for one that was rejected."""

Record = tuple[int, list[str], str]
"""Number of its first line, fields, text."""


def csv_records(lines: Lines) -> Iterator[Record]:
    """Each record, the header first, which tells what separates the fields, and how many there are. What is none is
    rejected by its first line, and reading goes on with the next.
    """
    csv.field_size_limit(LONGEST_RECORD)
    source = lines.numbered()
    header = list(islice((line for line in source if line[1] is not None and line[1].strip()), 1))
    delimiter = max(DELIMITERS, key="".join(text or "" for _, text in header).count)
    return _Reader(lines, source, delimiter, header).records()


class _EndsHereError(csv.Error):
    """A record that cannot go on: it is too long, or runs into a line that is none."""


@dataclass
class _Reader:
    """Reads records, and again the lines that a bad one has swallowed."""

    lines: Lines
    source: Iterator[Line]
    delimiter: str
    pending: list[Line] = field(default_factory=list)
    """Lines given back; the last one comes first."""
    consumed: list[tuple[int, str]] = field(default_factory=list)
    """The lines of the record at hand."""
    expected: int | None = None
    """Fields of a record, once the header tells."""

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
                yield from self._after(error)
            else:
                return

    def _reader(self, texts: Iterator[str]) -> Iterator[list[str]]:
        return csv.reader(texts, strict=True, delimiter=self.delimiter)

    def _feed(self) -> Iterator[str]:
        """The lines of the record at hand, and of those after it."""
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

    def _after(self, error: csv.Error) -> Iterator[Record]:
        """Go on after a record that is none: reject its first line, and read those in between once more.

        The last line is given back: what began in it is another matter. Only a record that ended outside of a line
        had an open field there, too.
        """
        reason = f"the line is no valid CSV: {error}"
        swallowed = self._reject_first(reason)
        is_at_end = "unexpected end of data" in str(error)
        if swallowed and not is_at_end:
            self.pending.append(swallowed.pop())
        yield from self._alone(swallowed, reason)

    def _miscounted(self, count: int) -> Iterator[Record]:
        """A record of too many or too few fields. It has several lines by mistake, if one in its midst is a record."""
        reason = f"expected {self.expected} fields as in the header, got {count}"
        if not any(len(self._fields(text) or ()) == self.expected for _, text in self.consumed[1:-1]):
            number = self.consumed[0][0]
            self.lines.reject(number, reason, "".join(text for _, text in self.consumed))
            return
        swallowed = self._reject_first(f"{reason}, in {len(self.consumed)} lines: a quote may be missing")
        self.pending.append(swallowed.pop())
        yield from self._alone(swallowed, "the line is no valid CSV: a quote in it is not closed as it should be")

    def _reject_first(self, reason: str) -> list[tuple[int, str]]:
        """Reject the record at hand by its first line; returns the others."""
        (number, text), *others = self.consumed
        self.lines.reject(number, reason, text)
        self.consumed = []
        return others

    def _alone(self, swallowed: list[tuple[int, str]], reason: str) -> Iterator[Record]:
        """The records among lines that begin inside an open field which comes to no good end: each is a line."""
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
        """The fields of a line, if it is a record."""
        try:
            return next(self._reader(iter([text])))
        except csv.Error:
            return None
