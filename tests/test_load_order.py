"""Properties of loading: neither the order of files, nor repetition, nor how rows are spread over files matters."""

import random
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import pytest
from conftest import Server, settings_in
from events import DAY, DOWNLOADS, Event, at, csv_text, download, execute, load, ndjson, rows_of, write
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics_etl.settings import Settings
from analytics_etl.warehouse import Warehouse

DAYS = [DAY, DAY + timedelta(days=1)]
few = settings(max_examples=10, deadline=None)

events = st.builds(
    lambda number, second, size, day: download(number, downloaded_at=at(second, day), file_size=size),
    # Few ids, times and sizes: copies, conflicts and rejected rows are the rule.
    st.integers(1, 6), st.integers(0, 2), st.integers(-1, 2), st.sampled_from(DAYS),
)  # fmt: skip


@dataclass
class Loader:
    """Loads files into the same database again and again, each time as if for the first time."""

    settings: Settings

    def __call__(self, *files: list[Event]) -> list[str]:
        """The rows of the table after these files, CSV and NDJSON in turn, were loaded."""
        shutil.rmtree(self.settings.landing_dir, ignore_errors=True)
        execute(self.settings.database_url, "truncate ops.loaded_files, ops.loaded_days, ops.rejected_rows")
        for number, of_file in enumerate(files):
            is_csv = number % 2 == 1 and bool(of_file)
            content = csv_text(of_file) if is_csv else ndjson(of_file)
            write(self.settings, f"download_events/{number:02}.{'csv' if is_csv else 'ndjson'}", content)
        load(Warehouse(self.settings), DOWNLOADS, *DAYS)
        return rows_of(self.settings.database_url)


@pytest.fixture(scope="module")
def loaded_from(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loader]:
    url = server.clone()
    yield Loader(settings_in(tmp_path_factory.mktemp("order"), url))
    server.drop(url)


def expected_rows(rows: list[Event]) -> list[tuple[UUID, str, int]]:
    """(id, time, size) of each row to be kept, by another way: of each id and day the earliest, where that decides."""
    kept: dict[tuple[str, str], set[tuple[UUID, str, int]]] = {}
    for row in rows:
        if row["file_size"] >= 0:
            key = row["event_id"], row["downloaded_at"][:10]
            kept.setdefault(key, set()).add((UUID(row["event_id"]), row["downloaded_at"], row["file_size"]))
    earliest = {key: min(time for _, time, _ in found) for key, found in kept.items()}
    return sorted(row for key, found in kept.items() for row in found if row[1] == earliest[key])


@few
@given(st.lists(events, max_size=12), st.randoms(use_true_random=False), st.integers(1, 4))
def test_order_repetition_and_split_do_not_matter(
    loaded_from: Loader, rows: list[Event], chance: random.Random, count: int
) -> None:
    at_once = loaded_from(rows)
    shuffled = [*rows, *(chance.choice(rows) for _ in range(3 * bool(rows)))]
    chance.shuffle(shuffled)
    files: list[list[Event]] = [[] for _ in range(count)]
    for row in shuffled:
        chance.choice(files).append(row)
    assert loaded_from(*files) == at_once
    assert loaded_from(*files[::-1]) == at_once
    # And they are the right ones.
    right = expected_rows(rows)
    keys = {(str(row[0]), row[1][:10]) for row in right}
    assert len(at_once) == len(keys)
    for text in at_once:
        number, time = text.strip("()").replace('"', "").split(",")[:2]
        assert any((str(r[0]), r[1][:19].replace("T", " ")) == (number, time[:19]) for r in right)
