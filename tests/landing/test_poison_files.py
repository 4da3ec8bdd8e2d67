"""One odd file stops nothing but itself: the other files of its table, and their days, are loaded as without it."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from books import assert_books_balance, failing_checks, loaded_ids
from events import (
    DAY,
    DOWNLOADS,
    REQUIRED,
    ask,
    booked,
    csv_text,
    declared,
    download,
    ledger,
    load,
    ndjson,
    rejected,
    write,
    write_raw,
)
from reading import parquet, read

from analytics_etl.config.settings import Settings
from analytics_etl.disk.scratch import ScratchError
from analytics_etl.landing import faults, records, validation
from analytics_etl.landing import parquet as parquet_module
from analytics_etl.pipeline.loading import load_days
from analytics_etl.postgres.database import Database

GOOD = {"a.ndjson": ndjson([download(101)]), "z.ndjson": ndjson([download(102)])}
BAD_TEXT = pa.array([b"\xff", b"b"])


def columns(**changes: Any) -> dict[str, pa.Array]:
    """Two downloads as columns."""
    rows = [download(number) for number in (1, 2)]
    plain = {name: pa.array([row[name] for row in rows]) for name in REQUIRED}
    return {**plain, **changes}


def unmarked(values: pa.Array) -> pa.Array:
    """Bytes that call themselves text."""
    return pa.Array.from_buffers(pa.string(), len(values), values.buffers())


def twice(name: str) -> pa.Table:
    return pa.Table.from_arrays([*columns().values(), pa.array([1, 2]), pa.array([3, 4])], [*columns(), name, name])


EXTRA: dict[str, pa.Table | dict[str, pa.Array]] = {
    # Columns nobody asks for: their rows are loaded.
    "half floats": columns(x=pa.array([0.5, 1], pa.float16())),
    "76 digits": columns(x=pa.array([Decimal(1), None], pa.decimal256(76, 38))),
    "nested": columns(x=pa.array([[{"a": [1]}], None])),
    "a map": columns(x=pa.array([[("a", 1)], None], pa.map_(pa.string(), pa.int8()))),
    "a name without regard to case": columns(MODULE_NAME=pa.array(["x", "y"])),
    "bytes as text": columns(x=unmarked(BAD_TEXT)),
    "no name": columns(**{"": pa.array([1, 2])}),
    "a dot": columns(**{"version.x": pa.array([1, 2])}),
    "a quote": columns(**{'"': pa.array([1, 2])}),
    "a NUL in a name": columns(**{"a\0b": pa.array([1, 2])}),
    "the same name twice": twice("x"),
    **{
        name: columns(**{name: pa.array([[1], [2]])})
        for name in ("_file", "_line", "_raw", "_found_at", "_day", "_reason", "_content", "_problem", "lines")
    },
}  # fmt: skip


@pytest.mark.parametrize("kind", EXTRA)
def test_a_column_nobody_asks_for_breaks_nothing(tmp_path: Path, kind: str) -> None:
    found = read(tmp_path, {**GOOD, "m.parquet": parquet(EXTRA[kind])})
    assert sorted(row["event_id"].int for row in found.rows) == [1, 2, 101, 102]
    assert (found.rejected, found.states["m.parquet"]) == ([], "read")


def test_columns_of_csv_may_be_called_anything(tmp_path: Path) -> None:
    names = ["_file", "_line", "_raw", "_found_at", "MODULE_NAME", "x", "x", ""]
    lines = csv_text([download(1)], REQUIRED).decode().splitlines()
    more = ",".join(names), ",".join("9" for _ in names)
    content = "\n".join(f"{extra},{line}" for extra, line in zip(more, lines, strict=True))
    found = read(tmp_path, {**GOOD, "m.csv": content.encode()})
    assert sorted(row["event_id"].int for row in found.rows) == [1, 101, 102]
    assert {row["module_name"] for row in found.rows} == {"module-1", "module-2"}


def flipped(content: bytes, position: int) -> bytes:
    return content[:position] + bytes([content[position] ^ 0xFF]) + content[position + 1 :]


WHOLE = parquet(columns())
BROKEN: dict[str, bytes] = {
    "no columns": parquet(pa.table({})),
    "a needed column twice": parquet(twice("user_id")),
    "a name that is no text": WHOLE.replace(b"module_name", b"module\xff\xfeame"),
    "no footer": WHOLE[:-5],
    "a footer of another length": flipped(WHOLE, len(WHOLE) - 8),
    "nothing": b"",
    "encrypted": WHOLE[:-4] + b"PARE",
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_file_is_rejected_with_its_reason(tmp_path: Path, kind: str) -> None:
    found = read(tmp_path, {**GOOD, "m.parquet": BROKEN[kind]})
    assert sorted(row["event_id"].int for row in found.rows if row["event_id"].int > 100) == [101, 102]
    assert found.states["m.parquet"] in ("rejected", "cut_off")
    assert found.rejected[0][1].reason


def test_damage_anywhere_in_a_file_is_the_files(tmp_path: Path) -> None:
    """A byte is changed at many places, in pages as in the footer."""
    content = parquet(columns(user_id=pa.array(["a", "b"]).dictionary_encode()), compression="zstd")
    files = {f"{place:05}.parquet": flipped(content, place) for place in range(4, len(content), len(content) // 40)}
    found = read(tmp_path, {**GOOD, **files})
    assert {101, 102} <= {row["event_id"].int for row in found.rows}
    assert set(found.states) == {*GOOD, *files}


@pytest.mark.parametrize(
    ("column", "values", "reason"),
    [
        ("module_name", BAD_TEXT, "module_name: expected text, got bytes that are no valid UTF-8 at byte 0"),
        ("module_name", unmarked(BAD_TEXT), "module_name: expected text, got bytes that are no valid UTF-8 at byte 0"),
        ("module_name", pa.array([[1], [2]]), "module_name: expected text, got [1]"),
        ("module_name", pa.array(["x" * (1 << 20) + "y", "b"]), "module_name: is longer than 1,048,576 bytes"),
        ("downloaded_at", pa.array([2**60, 1741600800000000], pa.timestamp("us", "UTC")),
         "downloaded_at: expected a time in the years 1970 to 9999, got 1152921504606846976 us since 1970"),
    ],
)  # fmt: skip
def test_an_odd_value_is_its_rows(tmp_path: Path, column: str, values: pa.Array, reason: str) -> None:
    found = read(tmp_path, {**GOOD, "m.parquet": parquet(columns(**{column: values}))})
    name, row = found.rejected[0]
    assert (name, row.line, row.reason) == ("m.parquet", 1, reason)
    assert len(row.content or "") <= 10_000


def test_the_rest_of_a_day_is_loaded_with_its_books(settings: Settings, database: Database) -> None:
    """Odd files of one day and a good file of the next: both days are loaded, and again with the same result."""
    following = DAY + timedelta(days=1)
    write(settings, "download_events/a.ndjson", [download(101), download(102, following)])
    odd = {
        f"download_events/2025-03-10-{number:02}.parquet": content
        for number, content in enumerate([*BROKEN.values(), parquet(columns(module_name=unmarked(BAD_TEXT)))])
    }
    for path, content in odd.items():
        write_raw(settings, path, content)
    for _ in range(2):
        load(database, DOWNLOADS, DAY, following)
        assert loaded_ids(settings) == [2, 101, 102]
        assert_books_balance(settings)
        assert {path for path, file in ledger(settings.database_url).items() if file["state"] != "read"} == {
            path for path, content in odd.items() if content in BROKEN.values()
        }
        assert failing_checks(database, declared(), following) == set()
        assert "files_are_readable" in failing_checks(database, declared())


def failing_at(user: str, statement: str) -> Callable[..., str]:
    """The statement that validates rows, with an error at the rows of one user."""
    validated = validation.validated

    def failing(*arguments: Any) -> str:
        return (
            f"select * from ({validated(*arguments)}) where case when user_id = '{user}' then {statement} else true end"
        )

    return failing


def test_a_file_that_stops_a_statement_is_found_among_the_others(
    settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of the files were sent when it happened: they are loaded once, and every row is in the books."""
    for number in range(10):
        user = "poison" if number in (5, 7) else "u"
        rows = [download(200 * number + n, user_id=user if n == 190 else "u") for n in range(200)]
        write(settings, f"download_events/{number}.ndjson", rows)
    monkeypatch.setattr(records, "_rows_at_once", lambda _: 100)
    monkeypatch.setattr(records, "_BATCH_BYTES", 1)
    monkeypatch.setattr(validation, "validated", failing_at("poison", "error('cannot be cast')::varchar = ''"))
    told: list[object] = []
    load_days(declared().contracts[DOWNLOADS], {}, database, [DAY], log=told.append)
    bad = {f"download_events/{number}.ndjson" for number in (5, 7)}
    assert loaded_ids(settings) == [n for n in range(2_000) if n // 200 not in (5, 7)]
    found = ledger(settings.database_url)
    assert {path for path, file in found.items() if file["state"] == "rejected"} == bad
    assert all("cannot be cast" in found[path]["reason"] and found[path]["checksum"] for path in bad)
    assert {(row[0], row[1]) for row in rejected(settings.database_url)} == {(path, None) for path in bad}
    assert_books_balance(settings)
    assert any("5.ndjson" in str(line) for line in told)
    assert {row["state"] for row in ask(settings.database_url, "select state from ops.days")} <= {
        "provisional",
        "final",
    }
    assert booked(settings.database_url).keys() == found.keys() - bad


def test_what_is_ours_rejects_no_file(settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error that no file causes alone, memory that is used up, a full disk: the run fails, and nothing is booked."""
    write(settings, "download_events/a.ndjson", [download(1)])
    write_raw(settings, "download_events/b.parquet", WHOLE)
    write(settings, "download_events/c.parquet.gz", WHOLE)

    def out_of_memory(*_: object) -> None:
        raise MemoryError

    def no_space(path: Path, _: object) -> None:
        raise ScratchError(path)

    for target, name, wrong, error in (
        (parquet_module, "_converted", out_of_memory, MemoryError),
        (parquet_module, "_write", no_space, ScratchError),
        (validation, "validated", lambda *_: "select nothing from lines", duckdb.BinderException),
    ):
        with monkeypatch.context() as patched:
            patched.setattr(target, name, wrong)
            with pytest.raises(error):
                load(database)
        assert ledger(settings.database_url) == {}
    load(database)
    assert loaded_ids(settings) == [1, 2]


def test_a_full_disk_of_ours_is_told_from_a_file_that_cannot_be_read() -> None:
    assert not faults.is_ours(OSError(5, "Input/output error"))
    assert faults.is_ours(ScratchError("x"))
    assert faults.is_ours(MemoryError())
    assert not faults.is_ours(pa.ArrowMemoryError("malloc of size 72057594037927936 failed"))
    assert faults.is_ours(pa.ArrowMemoryError("malloc of size 4194304 failed"))
