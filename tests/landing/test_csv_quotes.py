"""Quotes in CSV files: where they stand as they should a file is read as Python's csv module reads it; wherever they
stand, reading takes a time that grows with the size, and rows that can be read are read.
"""

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from events import DOWNLOADS, REQUIRED, ask, at, event_id, load, rejected, write
from hypothesis import given
from hypothesis import strategies as st

from analytics_etl.config.settings import Settings
from analytics_etl.landing import list_files
from analytics_etl.landing.csv_records import Record, csv_records
from analytics_etl.landing.lines import Lines
from analytics_etl.landing.rejections import FileState
from analytics_etl.postgres.database import Database

HEADER = "a,b,c"


def read(folder: Path, text: str | bytes) -> tuple[list[Record], dict[int, str]]:
    """The records of a CSV file but for its header, and {line: reason} of what was rejected."""
    path = folder / "t" / "a.csv"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    state = FileState()
    [file] = list_files(folder, "t", frozenset())
    records = list(csv_records(Lines(file, state)))
    found = [row for rows in state.rejected.take() for row in rows]
    assert len({row.line for row in found}) == len(found)
    return records[1:], {row.line or 0: row.reason for row in found}


texts = st.text(st.sampled_from('ab,"\n\r é'), max_size=8)


@given(st.lists(st.lists(texts, min_size=3, max_size=3), max_size=8), st.sampled_from(["\n", "\r\n"]))
def test_well_formed_csv_is_read_as_the_csv_module_reads_it(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]], ending: str
) -> None:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator=ending, quoting=csv.QUOTE_ALL).writerows([["a", "b", "c"], *rows])
    found, bad = read(tmp_path_factory.mktemp("csv"), text.getvalue())
    assert [fields for _, fields, _ in found] == list(csv.reader(io.StringIO(text.getvalue(), newline="")))[1:]
    assert [fields for _, fields, _ in found] == rows
    assert bad == {}
    lines = text.getvalue().split("\n")
    for number, fields, raw in found:
        breaks = sum(field.count("\n") for field in fields)
        assert raw == "\n".join(lines[number - 1 : number + breaks]) + "\n"


LINES = ["1,2,3", '1,"2",3', '"1', '1,"2,3', 'x",y,"z', '1,"",3', '"a""b",2,3', '"""', "", '"x"y']


@given(st.lists(st.sampled_from(LINES), max_size=30))
def test_no_line_is_lost(tmp_path_factory: pytest.TempPathFactory, lines: list[str]) -> None:
    """Each line but blank ones is in one record, or rejected; a line without a quote outside of a record is read."""
    found, bad = read(tmp_path_factory.mktemp("csv"), "\n".join([HEADER, *lines]))
    numbers = [number + n for number, _, raw in found for n in range(raw.count("\n"))]
    assert len(set(numbers)) == len(numbers)
    assert not set(numbers) & set(bad)
    accounted = {*numbers, *bad}
    for number, line in enumerate(lines, 2):
        if line == "1,2,3" and number not in accounted:  # inside a record of several lines that has too many fields
            assert any("fields as in the header" in reason for at, reason in bad.items() if at < number)
        if number not in accounted and line:
            assert any("fields as in the header" in reason for reason in bad.values())


@pytest.mark.parametrize(
    ("lines", "read_lines", "bad_lines"),
    [
        (['"never closed,2,3', "4,5,6", "7,8,9"], [3, 4], [2]),
        (["1,2,3", '4,"5,6', '7,"8",9', "1,2,3"], [2, 4, 5], [3]),
        (['1,"2,3', "4,5,6", '7,8,x"', "1,2,3"], [3, 4, 5], [2]),  # it ends well, but in too many fields
        (['1,"2\nstill 2\n2 ends",3', "4,5,6"], [2, 5], []),
        (['1,"2\nstill 2",3,4', "5,6,7"], [4], [2]),  # one record, of one field too many
        (['x",y,"z'] * 4 + ["1,2,3"], [6], [2, 3, 4, 5]),
        (['1,"2', "\xff", '3",4', "5,6,7"], [5], [2, 3, 4]),  # a record does not go on behind a line that is none
        (['1,"2', "l" * (1 << 20), '3",4', "5,6,7"], [5], [2, 3, 4]),
    ],
)
def test_stray_quotes(tmp_path: Path, lines: list[str], read_lines: list[int], bad_lines: list[int]) -> None:
    found, bad = read(tmp_path, "\n".join([HEADER, *lines]).encode("latin-1"))
    assert [number for number, _, _ in found] == read_lines
    assert sorted(bad) == bad_lines


def test_a_record_is_limited(tmp_path: Path) -> None:
    """One that is longer goes as its first line; what can be read behind it is read."""
    mega, kilo = 1 << 20, "x" * 1023 + "\n"
    fits = '1,"' + kilo * 1023 + '",3\n'
    found, bad = read(tmp_path, f"{HEADER}\n{fits}4,5,6\n")
    assert ([(n, len(f[1])) for n, f, _ in found], bad) == ([(2, mega - 1024), (1026, 1)], {})
    found, bad = read(tmp_path, f'{HEADER}\n1,"{kilo * 1024}",3\n4,5,6\n')
    assert [number for number, _, _ in found] == [1027]
    assert "the record is longer than 1,048,576 bytes or 50,000 lines, perhaps for want of a quote" in bad[2]
    assert sorted(bad) == list(range(2, 1027))
    found, bad = read(tmp_path, f'{HEADER}\n1,"{chr(10) * 60_000}",3\n4,5,6\n')
    assert [number for number, _, _ in found] == [60_003]
    assert {*bad} == {2, 60_002}


def lines_fed(monkeypatch: pytest.MonkeyPatch, folder: Path, text: str) -> int:
    """Lines that the csv module was given."""
    fed = 0
    reader = csv.reader

    def counting(lines: Iterator[str], *, strict: bool, delimiter: str) -> Iterator[list[str]]:
        def counted() -> Iterator[str]:
            nonlocal fed
            for line in lines:
                fed += 1
                yield line

        return reader(counted(), strict=strict, delimiter=delimiter)

    with monkeypatch.context() as patched:
        patched.setattr("analytics_etl.landing.csv_records.csv.reader", counting)
        read(folder, text)
    return fed


@pytest.mark.parametrize(
    "lines",
    [
        ['"stray', "1,2,3"],
        ["1,2,3", '4,"5,6'],
        ['x",y,"z'],
        ['x",y,"z', "1,2,3", '"'],
        ['1,"2,3', '4,5,6"'],
        ['"'],
        ['"""'],
        [',"', '",'],
    ],
)
def test_time_grows_with_the_size(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, lines: list[str]) -> None:
    """Whatever quotes stand in it, each line is looked at a few times, not once for each line before it."""
    for rows in (1_000, 4_000):
        text = "\n".join([HEADER, *lines * (rows // len(lines))])
        assert lines_fed(monkeypatch, tmp_path, text) <= 5 * rows
    once = "\n".join([HEADER, lines[0], *["1,2,3"] * 4_000])
    assert lines_fed(monkeypatch, tmp_path, once) <= 5 * 4_000


def test_rows_behind_a_stray_quote_are_loaded(settings: Settings, database: Database) -> None:
    rows = [f"{event_id(n)},{at(n)},m,1.0,1,true" for n in range(1, 200)]
    rows[9] = rows[9].replace(",m,", ',"m,')
    write(settings, "download_events/a.csv", "\n".join([",".join(REQUIRED), *rows]).encode())
    load(database)
    assert ask(settings.database_url, f"select count(*) as count from {DOWNLOADS}") == [{"count": 198}]
    assert rejected(settings.database_url) == [
        ("download_events/a.csv", 11, "the line is no valid CSV: unexpected end of data", rows[9])
    ]
