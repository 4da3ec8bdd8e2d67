"""Properties of loading: neither the order of arrival, nor repetition, nor how rows are spread over files matters.

Drawn by Hypothesis, loaded into a real database. Many more of them:
`make test ARGS="tests/whole/test_load_order.py --hypothesis-profile thorough"`.
"""

import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from arrivals import (
    COMPRESSIONS,
    DAYS,
    FORMATS,
    Line,
    arrivals,
    compressed,
    encoded,
    expected,
    files,
    line_numbers,
    lines,
    written,
)
from conftest import Server, settings_in
from events import (
    DOWNLOADS,
    Event,
    aggregate,
    all_tables,
    ask,
    booked,
    compilation,
    declared,
    download,
    execute,
    load,
    rejected,
    rows_of,
    view,
    write,
    write_raw,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics_etl.config.settings import Settings
from analytics_etl.ops.records import waiting_days
from analytics_etl.pipeline.loading import load_days
from analytics_etl.postgres.database import Database

some = settings()
few = settings(max_examples=some.max_examples // 5)

BOOKS = {
    "loaded_files": "table_name, path, size_bytes, checksum, state, reason, first_day, last_day, rows_read, "
    "rows_valid, rows_rejected",
    "loaded_days": "table_name, path, day, rows_read, rows_rejected, rows_loaded, rows_duplicate, rows_conflicting",
    "rejected_rows": "table_name, path, day, line, reason, content",
    "partitions": "table_name, period_start, period_end, rows, code_version",
}
"""What the books say, but for times."""


@dataclass(frozen=True)
class World:
    """A landing folder and a database, used again and again, each time as if they were new."""

    settings: Settings

    @property
    def url(self) -> str | None:
        return self.settings.database_url

    def begin(self) -> None:
        shutil.rmtree(self.settings.landing_dir, ignore_errors=True)
        leaves = ask(self.url, "select inhrelid::regclass::text as name from pg_inherits")
        drops = [f"drop table {leaf['name']};" for leaf in leaves]
        drops += [
            f"drop {'view' if model.is_in_lake_only else 'table'} if exists {table} cascade;"
            for table, model in declared().aggregates.items()
        ]
        books = ", ".join(f"ops.{name}" for name in (*BOOKS, "changes"))
        execute(self.url, f"{' '.join(drops)} truncate {books}")

    def put(self, name: str, data: bytes) -> None:
        write_raw(self.settings, f"download_events/{name}", data)

    def load(self, days: Sequence[date]) -> None:
        """Load days; of no day: read new files into the books."""
        catalog = declared()
        load_days(
            catalog.contracts[DOWNLOADS], catalog.mappings("registry"), Database(self.settings), days,
            log=lambda _: None, accept_change=True,
        )  # fmt: skip

    def load_waiting(self) -> None:
        """What the sensor does: read new files, then load the days that have rows waiting, each for itself."""
        self.load([])
        for row in Database(self.settings).run(waiting_days):
            self.load([row["day"]])

    def rows(self) -> list[str]:
        return sorted(rows_of(self.url))

    def days(self) -> dict[str, dict[str, tuple[Any, ...]]]:
        """{file name: {day: counts}}"""
        return {Path(path).name: days for path, days in booked(self.url).items()}

    def rejections(self) -> list[tuple[str, int, str, str | None]]:
        """(file name, line, reason, content); no file is rejected as a whole"""
        return [(Path(path).name, line or 0, reason, content) for path, line, reason, content in rejected(self.url)]

    def everything(self) -> dict[str, list[str]]:
        books = {
            name: [row["text"] for row in ask(self.url, f"select ({columns})::text as text from ops.{name} order by 1")]
            for name, columns in BOOKS.items()
        }
        return {"rows": self.rows(), **books}

    def load_at_once(self, contents: Mapping[str, bytes]) -> None:
        """All files are there from the beginning, and all days are loaded together."""
        self.begin()
        for name, data in contents.items():
            self.put(name, data)
        self.load(DAYS)


@pytest.fixture(scope="module")
def world(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    url = server.clone()
    yield World(settings_in(tmp_path_factory.mktemp("order"), url))
    server.drop(url)


@some
@given(files, st.data())
def test_any_order_of_arrival_gives_the_same_tables_and_books(
    world: World, drawn: dict[str, list[Line]], data: st.DataObject
) -> None:
    contents = {name: written(name, of_file) for name, of_file in drawn.items()}
    world.load_at_once(contents)
    at_once, right = world.everything(), expected(drawn)
    assert at_once["rows"] == right.rows
    assert world.days() == right.days
    assert Counter(name for name, *_ in world.rejections()) == right.rejected
    world.begin()
    for step in data.draw(arrivals(list(contents)), "arrival"):
        if isinstance(step, str):
            world.put(step, contents[step])
        else:
            world.load(step)
    world.load(DAYS)
    assert world.everything() == at_once


@some
@given(files, st.data())
def test_loading_the_days_that_wait_is_enough(world: World, drawn: dict[str, list[Line]], data: st.DataObject) -> None:
    """After each arrival the table holds what a load of all days would give."""
    world.begin()
    arrived: dict[str, list[Line]] = {}
    for name in data.draw(st.permutations(sorted(drawn)), "order"):
        arrived[name] = drawn[name]
        world.put(name, written(name, drawn[name]))
        world.load_waiting()
        assert world.rows() == expected(arrived).rows


@some
@given(files, st.data())
def test_files_that_come_again_change_nothing(world: World, drawn: dict[str, list[Line]], data: st.DataObject) -> None:
    """Under other names, sorted before or after, compressed or not, before or after the first is loaded."""
    world.begin()
    for name, of_file in drawn.items():
        world.put(name, written(name, of_file))
    if data.draw(st.booleans(), "loaded before"):
        world.load(DAYS)
    again: dict[str, str] = {}
    for name in data.draw(st.lists(st.sampled_from(sorted(drawn)), min_size=1, max_size=3), "again"):
        place, compression = data.draw(st.sampled_from("09")), data.draw(st.sampled_from(COMPRESSIONS))
        copy = f"{place}copy{len(again)}.{name.split('.')[1]}{compression}"
        again[copy] = name
        world.put(copy, written(copy, drawn[name]))
    world.load(DAYS)
    assert world.rows() == expected(drawn).rows
    assert world.days() == expected({**drawn, **{copy: drawn[name] for copy, name in again.items()}}).days
    by_file: dict[str, list[tuple[Any, ...]]] = {}
    for name, *rest in world.rejections():
        by_file.setdefault(name, []).append(tuple(rest))
    assert all(by_file.get(copy) == by_file.get(name) for copy, name in again.items())


@some
@given(st.lists(lines, min_size=1, max_size=5), st.sampled_from(FORMATS), st.data())
def test_where_files_are_split_does_not_matter(
    world: World, parts: list[list[Line]], file_format: str, data: st.DataObject
) -> None:
    """One file, and the same lines in several, each compressed in a way of its own."""
    whole = [line for part in parts for line in part]
    world.load_at_once({f"1.{file_format}": encoded(file_format, whole)})
    rows, counts, rejections = world.rows(), world.days(), world.rejections()
    assert rows == expected({"1": whole}).rows
    numbers = line_numbers(file_format, whole)
    first_lines, contents, position = {}, {}, 0
    for number, part in enumerate(parts):
        name = f"{number}.{file_format}{data.draw(st.sampled_from(COMPRESSIONS))}"
        contents[name] = written(name, part)
        first_lines[name] = numbers[position] - numbers[0]
        position += len(part)
    world.load_at_once(contents)
    assert world.rows() == rows
    assert total(world.days()) == total(counts)
    found = [(line + first_lines[name], reason, content) for name, line, reason, content in world.rejections()]
    assert sorted(found) == sorted((line, reason, content) for _, line, reason, content in rejections)


@few
@given(lines, st.sampled_from(FORMATS), st.sampled_from(COMPRESSIONS[1:]), st.data())
def test_a_file_of_several_compressed_streams_is_one_file(
    world: World, of_file: list[Line], file_format: str, compression: str, data: st.DataObject
) -> None:
    plain = encoded(file_format, of_file)
    cuts = data.draw(st.lists(st.integers(0, len(plain)), max_size=4), "cuts")
    world.load_at_once({f"1.{file_format}{compression}": compressed(plain, compression, cuts)})
    right = expected({f"1.{file_format}{compression}": of_file})
    assert world.rows() == right.rows
    assert world.days() == right.days


def total(days: Mapping[str, Mapping[str, tuple[Any, ...]]]) -> dict[str, tuple[int, ...]]:
    """{day: counts of all files together}"""
    found: dict[str, tuple[int, ...]] = {}
    for of_file in days.values():
        for day, counts in of_file.items():
            found[day] = tuple(a + b for a, b in zip(found.get(day, (0,) * 5), counts, strict=True))
    return found


# -- all the way to the aggregates -----------------------------------------------------------------------------------

BUILDERS = {"download_events": download, "module_view_events": view, "compilation_events": compilation}

any_event = st.builds(
    lambda table, number, day, user: (table, BUILDERS[table](number, day, user_id=f"user-{user}")),
    st.sampled_from(sorted(BUILDERS)), st.integers(1, 30), st.sampled_from(DAYS), st.integers(1, 3),
)  # fmt: skip


@few
@given(st.lists(any_event, min_size=10, max_size=60), st.data())
def test_aggregates_are_the_same_too(world: World, drawn: list[tuple[str, Event]], data: st.DataObject) -> None:
    """Files of three tables in any order, days loaded and aggregated in between, against everything at once."""
    parts = data.draw(st.integers(1, 3), "parts")
    contents: dict[str, list[Event]] = {}
    for position, (table, event) in enumerate(drawn):
        contents.setdefault(f"{table}/{position % parts}.ndjson", []).append(event)
    world.begin()
    for path, of_file in contents.items():
        write(world.settings, path, of_file)
    load_all(world, DAYS)
    at_once = all_tables(world.settings)
    assert sum(map(len, at_once.values())) > 5
    world.begin()
    for path in data.draw(st.permutations(sorted(contents)), "order"):
        write(world.settings, path, contents[path])
        if data.draw(st.booleans()):
            load_all(world, [data.draw(st.sampled_from(DAYS))])
    for day in data.draw(st.permutations(DAYS), "days"):
        load_all(world, [day])
    assert all_tables(world.settings) == at_once


def load_all(world: World, days: Sequence[date]) -> None:
    database = Database(world.settings)
    for table in BUILDERS:
        load(database, f"registry.{table}", *days)
    aggregate(database, days[0], days[-1], families=["registry"])


# -- what was found so -----------------------------------------------------------------------------------------------


def test_a_file_with_no_valid_row_keeps_its_rejected_ones(world: World) -> None:
    for file_format in FORMATS:
        bad = f"1.{file_format}"
        alone: dict[str, list[Line]] = {bad: [None, None]}
        after_others: dict[str, list[Line]] = {"0.ndjson": [download(1)], **alone}
        for contents in (alone, after_others):
            world.load_at_once({name: written(name, of_file) for name, of_file in contents.items()})
            assert Counter(name for name, *_ in world.rejections()) == {bad: 2}


def test_rejected_rows_of_a_file_read_before_are_booked_when_their_day_is_loaded(world: World) -> None:
    world.begin()
    world.put("1.ndjson", written("1.ndjson", [download(1), download(2, DAYS[1], file_size=-1)]))
    world.load([DAYS[0]])
    world.load([DAYS[1]])
    assert world.days() == {"1.ndjson": {DAYS[0].isoformat(): (1, 0, 1, 0, 0), DAYS[1].isoformat(): (1, 1, 0, 0, 0)}}
