"""DuckDB for one statement: what a statement names, when a typed one is complete, and what a session holds."""

import resource
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from analytics_etl.engines import adhoc
from analytics_etl.engines.adhoc import StatementError

COLUMNS = {"n": "bigint", "text": "text"}


@pytest.mark.parametrize(
    ("statement", "names"),
    [
        ("select 1", set()),
        ("from registry.a", {"registry.a"}),
        ('select * from "Registry"."A b" as c', {"registry.a b"}),
        ("select * from memory.registry.a", {"registry.a"}),
        ("with a as (from ops.b), ops as (select 1) select * from a, ops", {"ops.b"}),
        ("select (select max(n) from ops.a) where exists (from ops.b)", {"ops.a", "ops.b"}),
        ("select 1 order by (select 1 from ops.c)", {"ops.c"}),
        ("from ops.a semi join ops.b using (n) union all by name from ops.c", {"ops.a", "ops.b", "ops.c"}),
        ("from ops.a, lateral (from ops.b where n = a.n)", {"ops.a", "ops.b"}),
        ("pivot ops.a on n in (1, 2) using max(text)", {"ops.a"}),
        ("summarize ops.a", {"ops.a"}),
        ("explain (format json) from ops.a", {"ops.a"}),
        ("explain analyze select 'from ops.b' from ops.a -- from ops.c", {"ops.a"}),
        ("describe ops.a", set()),
        ("show all tables", set()),
    ],
)  # fmt: skip
def test_the_tables_whose_rows_a_statement_reads(statement: str, names: set[str]) -> None:
    assert adhoc.names_in(statement) == names


@pytest.mark.parametrize(
    ("text", "is_complete"),
    [
        ("select 1;", True),
        ("select 1; \n", True),
        ("select 1", False),
        ("select ';", False),
        ("select ';\n';", True),
        ('select ";', False),
        ("select 1 /* ;", False),
        ("select nonsense from;", True),
    ],
)
def test_when_a_typed_statement_is_complete(text: str, *, is_complete: bool) -> None:
    assert adhoc.is_complete(text) == is_complete


def test_statements_are_told_apart() -> None:
    assert adhoc.statements("select 1;\nselect ';' as b;") == ["select 1", "select ';' as b"]
    assert adhoc.statements(" -- nothing\n") == []


def rows(batches: int) -> Iterator[pa.RecordBatch]:
    """Batches of 10,000 rows and about a megabyte, which hardly compresses."""
    for batch in range(batches):
        numbers = range(batch * 10_000, (batch + 1) * 10_000)
        yield pa.record_batch({"n": pa.array(numbers), "text": [f"{n * 2_654_435_761 % 2**64:0100x}" for n in numbers]})


def test_copies_beyond_the_memory_limit_lie_on_disk_until_the_end(tmp_path: Path) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    schema = pa.schema({"n": pa.int64(), "text": pa.string()})
    with adhoc.opened(128, tmp_path) as session:
        session.close([])
        session.declare({"a.b": COLUMNS})
        session.fill("a.b", COLUMNS, rows(1_000), schema)
        # Of 1 GB, compressed, less what fits into memory and what is on its way to the disk.
        assert sum(path.stat().st_size for path in tmp_path.rglob("*.tmp")) > 300 << 20
        _, answer = session.answer("select *, text || n from a.b")
        assert sum(batch.num_rows for batch in answer) == 10_000_000
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 600 << 10, "kilobytes, of 1 GB"
    assert list(tmp_path.iterdir()) == []


def test_rows_of_a_table_that_was_not_filled_are_an_error(tmp_path: Path) -> None:
    """Rather than none: whatever finds the names in a statement may miss one."""
    with adhoc.opened(128, tmp_path) as session:
        session.close([])
        session.declare({"a.b": COLUMNS})
        session.check("from a.b", ["a.b"])
        _, described = session.answer("describe a.b")
        assert next(described)["column_type"].to_pylist() == ["BIGINT", "VARCHAR"]
    with adhoc.opened(128, tmp_path) as session:
        session.close([])
        session.declare({"a.b": COLUMNS})
        with pytest.raises(StatementError, match=r"a\.b is read only where its name stands in the statement"):
            session.answer("select count(*) from query('from a.b')")
