"""Landing files as Hypothesis draws them, how they arrive, and what must be in the tables and books afterwards.

What must be there is computed here from the drawn lines alone; nothing of the product has a part in it.
"""

import gzip
import hashlib
import io
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

import pyarrow as pa
import pyarrow.parquet as pq
import zstandard
from events import DAY, Event, at, csv_text, download, ndjson
from hypothesis import strategies as st

DAYS = [DAY + timedelta(days=n) for n in range(3)]
NAMES = [*download(1), "revision"]
COLUMNS = [*NAMES[:11], "ip_address", "user_agent", "client_sdk", "client_version", "cache_hit"]
"""Columns of the table of downloads, in order, but for the last one, the revision."""

Line = Event | None
"""A line of a file; None is one that was cut off."""

Counts = tuple[int, int, int, int, int]
"""Rows of a day in a file: read, rejected, loaded, duplicate, conflicting."""

FORMATS = ("ndjson", "csv", "parquet")
COMPRESSIONS = ("", ".gz", ".zst")

_TEXTS = [None, "plain", 'with "quotes", a comma', "two\nlines", "back\\slash", "(ünïcode ☃)"]

# Few ids, times and sizes: copies, copies that differ and rejected rows are the rule.
events = st.builds(
    lambda number, day, time, size, text, success, revision: download(
        number, downloaded_at=time if isinstance(time, str) else at(time, day), file_size=size, error_message=text,
        success=success, revision=revision,
    ),
    st.integers(1, 5), st.sampled_from(DAYS), st.sampled_from([0, 0, 0, 1, 1, 2, "yesterday"]), st.integers(-1, 3),
    st.sampled_from(_TEXTS), st.sampled_from([False, False, True]), st.sampled_from([None, None, None, 0, 9, 10]),
)  # fmt: skip
lines: st.SearchStrategy[list[Line]] = st.lists(st.one_of(events, events, events, st.none()), max_size=6)
endings = st.builds("{}{}".format, st.sampled_from(FORMATS), st.sampled_from(COMPRESSIONS))
files: st.SearchStrategy[dict[str, list[Line]]] = st.lists(st.tuples(endings, lines), min_size=1, max_size=4).map(
    lambda drawn: {f"{number}.{ending}": of_file for number, (ending, of_file) in enumerate(drawn, 1)}
)
"""{name: lines}; the ending says how they are written."""


@st.composite
def arrivals(draw: st.DrawFn, names: Sequence[str]) -> list[str | list[date]]:
    """An order in which files arrive, with loads of some days in between; a load of no day only reads new files."""
    steps: list[str | list[date]] = []
    for name in draw(st.permutations(sorted(names))):
        steps.append(name)
        if draw(st.booleans()):
            steps.append(draw(st.lists(st.sampled_from(DAYS), unique=True)))
    return steps


# -- writing them ----------------------------------------------------------------------------------------------------


def encoded(file_format: str, of_file: Sequence[Line]) -> bytes:
    """The lines in one of FORMATS, not compressed."""
    if file_format == "parquet":
        return _parquet(of_file)
    write: Callable[[Event], bytes] = (lambda event: ndjson([event])) if file_format == "ndjson" else _csv_record
    cut_off = b'{"event_id": "00000000-0000\n' if file_format == "ndjson" else b"cut off\n"
    body = b"".join(cut_off if line is None else write(line) for line in of_file)
    return body if file_format == "ndjson" else ",".join(NAMES).encode() + b"\n" + body


def compressed(data: bytes, compression: str, cuts: Iterable[int] = ()) -> bytes:
    """The bytes under one of COMPRESSIONS; cut, they become several compressed streams one after the other."""
    ends = [*sorted(cuts), len(data)]
    pieces = [data[start:end] for start, end in zip([0, *ends], ends, strict=False)]
    if compression == ".gz":
        return b"".join(gzip.compress(piece, mtime=0) for piece in pieces)
    return b"".join(map(zstandard.compress, pieces)) if compression == ".zst" else data


def written(name: str, of_file: Sequence[Line]) -> bytes:
    """The bytes of a file of this name."""
    _, file_format, *compression = name.split(".")
    return compressed(encoded(file_format, of_file), "".join(f".{ending}" for ending in compression))


def line_numbers(file_format: str, of_file: Sequence[Line]) -> list[int]:
    """For each line the number a rejection names, from 1; one more for the line after the last."""
    found = [2 if file_format == "csv" else 1]
    for line in of_file:
        has_break = file_format == "csv" and line is not None and "\n" in (line["error_message"] or "")
        found.append(found[-1] + (2 if has_break else 1))
    return found


def _csv_record(event: Event) -> bytes:
    return csv_text([event]).partition(b"\n")[2]


def _parquet(of_file: Sequence[Line]) -> bytes:
    types = {name: pa.int64() for name in ("file_size", "duration_ms", "revision")} | {"success": pa.bool_()}
    schema = pa.schema([(name, types.get(name, pa.string())) for name in NAMES])
    stream = io.BytesIO()
    pq.write_table(pa.Table.from_pylist([line or {} for line in of_file], schema), stream)
    return stream.getvalue()


# -- what must be there afterwards -----------------------------------------------------------------------------------


@dataclass
class Expected:
    """Table and books after all days of some files were loaded."""

    rows: list[str]
    """The table's rows as PostgreSQL writes them."""
    days: dict[str, dict[str, Counts]]
    rejected: Counter[str]
    """Rejected rows, by file."""


def expected(of_files: Mapping[str, Sequence[Line]]) -> Expected:
    """Of the rows with one id those of the highest revision count, of these the earliest of each day is kept, then the
    one with the smallest MD5 of its text without the revision.
    """
    copies: dict[tuple[str, str], list[tuple[str, int, str]]] = {}
    counts: dict[tuple[str, str], list[int]] = {}
    rejected: Counter[str] = Counter()
    for name in sorted(of_files):
        for line in of_files[name]:
            if line is None or line["downloaded_at"] == "yesterday":
                rejected[name] += 1
                continue
            day = line["downloaded_at"][:10]
            of_day = counts.setdefault((name, day), [0, 0, 0, 0, 0])
            of_day[0] += 1
            if line["file_size"] < 0 or (line["success"] and line["error_message"] is not None):
                of_day[1] += 1
                rejected[name] += 1
            else:
                copies.setdefault((line["event_id"], day), []).append((name, _revision(line), row_text(line)))
    kept = []
    for (_, day), found in copies.items():
        highest = max(revision for _, revision, _ in found)
        rivals = [(name, text) for name, revision, text in found if revision == highest]
        text = min((text for _, text in rivals), key=lambda text: (text[39:58], md5(text)))
        kept.append(f"{text[:-1]},{'' if highest < 0 else highest})")
        # The first file by name is said to hold the row that is kept.
        for position, (name, *_) in enumerate(found):
            counts[name, day][2 if position == 0 else 3] += 1
        for name, _ in rivals[1:] if len({text for _, text in rivals}) > 1 else ():
            counts[name, day][4] += 1
    days: dict[str, dict[str, Counts]] = {}
    for (name, day), (read, bad, loaded, duplicate, conflicting) in sorted(counts.items()):
        days.setdefault(name, {})[day] = (read, bad, loaded, duplicate, conflicting)
    return Expected(sorted(kept), days, rejected)


def _revision(event: Event) -> int:
    """The revision; -1 when there is none, which is below all."""
    found = event.get("revision")
    return -1 if found is None else int(found)


def row_text(event: Event) -> str:
    """A row of the table of downloads as PostgreSQL writes it, without its revision."""
    return "(" + ",".join(_field(name, event.get(name)) for name in COLUMNS) + ")"


def _field(name: str, value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "t" if value else "f"
    text = str(UUID(str(value))) if name == "event_id" else str(value)
    if name == "downloaded_at":
        text = text.replace("T", " ").replace("Z", "+00")
    if not text or any(mark in '"\\(),' or mark.isspace() for mark in text):
        return '"' + text.replace("\\", "\\\\").replace('"', '""') + '"'
    return text


def md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
