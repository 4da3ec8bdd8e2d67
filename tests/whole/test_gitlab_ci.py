"""Real test executions through the whole path: every number equals one that pandas computes from the file."""

import hashlib
import shutil
from collections.abc import Iterator
from datetime import date
from uuid import UUID

import pandas as pd
import pytest
from conftest import REAL_DATA, Server, needs_real_data, settings_in
from events import aggregate, ask, ask_lake, booked, days_of, declared, ledger, load

from analytics_etl.config.settings import Settings
from analytics_etl.postgres.database import Database

pytestmark = needs_real_data

FILE = REAL_DATA / "gitlab_ci" / "debian_11_gcc-10-20.csv.gz"
EVENTS = "usage.schema_usage_events"
FIRST, LAST = date(2020, 7, 24), date(2021, 1, 20)
NIL = UUID(int=0)
GRAINS = {"1m": "1min", "5m": "5min", "1h": "1h", "1d": "1D"}


@pytest.fixture(scope="module")
def executions() -> pd.DataFrame:
    """The file as pandas reads it, with the latency in milliseconds."""
    frame = pd.read_csv(FILE, sep=";", parse_dates=["LastRun"])
    frame["latency_ms"] = (frame["Duration"] * 1000).round()
    # The mapping's way to an id that is the same in every file.
    ids = {name: UUID(hashlib.md5(f"gitlab_ci/{name}".encode()).hexdigest()) for name in set(frame["Name"])}
    frame["schema_id"] = frame["Name"].map(ids)
    frame["at"] = frame["LastRun"].dt.tz_localize("UTC")
    return frame


@pytest.fixture(scope="module")
def loaded(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """A database with half a year of them loaded and aggregated, as one range."""
    url = server.clone()
    settings = settings_in(tmp_path_factory.mktemp("gitlab"), url, FIRST)
    folder = settings.landing_dir / "schema_usage_events" / "gitlab_ci"
    folder.mkdir(parents=True)
    shutil.copy(FILE, folder)
    database = Database(settings)
    load(database, EVENTS, *days_of(FIRST, LAST))
    aggregate(database, FIRST, LAST, ("day",), ["usage"])
    yield settings
    server.drop(url)


def measured(executions: pd.DataFrame, *keys: object) -> dict[object, tuple[float, ...]]:
    """(count, successes, sum, mean, p50, p95, p99) of each group of executions, percentiles linear as in numpy."""
    groups = executions.groupby(list(keys))
    latency = groups["latency_ms"]
    columns = [
        *(groups.size(), groups.size() - groups["Verdict"].sum(), latency.sum(), latency.mean()),
        *(latency.quantile(q) for q in (0.5, 0.95, 0.99)),
    ]
    return {
        key: tuple(float(f"{number:.12g}") for number in numbers)
        for key, *numbers in zip(columns[0].index, *columns, strict=True)
    }


COLUMNS = (
    "operation_count, success_count, total_latency_ms, avg_latency_ms, p50_latency_ms, p95_latency_ms, p99_latency_ms"
)


def stored(settings: Settings, key: str, source: str) -> dict[object, tuple[float, ...]]:
    statement, table = f"select {key}, {COLUMNS} from {source}", source.split(maxsplit=1)[0]
    if declared().aggregates[table].is_in_lake_only:
        rows = ask_lake(settings, table, statement)
    else:
        rows = ask(settings.database_url, statement)
    found = {}
    for row in rows:
        *keys, _, _, _, _, _, _, _ = row.values()
        numbers = list(row.values())[len(keys) :]
        found[keys[0] if len(keys) == 1 else tuple(keys)] = tuple(float(f"{number:.12g}") for number in numbers)
    return found


def test_every_row_is_loaded(loaded: Settings, executions: pd.DataFrame) -> None:
    path = f"schema_usage_events/gitlab_ci/{FILE.name}"
    assert len(executions) == 35_140
    file = ledger(loaded.database_url)[path]
    assert (file["state"], file["rows_read"], file["rows_rejected"]) == ("read", 35_140, 0)
    by_day = executions.groupby(executions["LastRun"].dt.date.astype(str)).size().to_dict()
    assert booked(loaded.database_url)[path] == {day: (rows, 0, rows, 0, 0) for day, rows in by_day.items()}


@pytest.mark.parametrize("grain", GRAINS)
def test_all_executions_in_each_grain(loaded: Settings, executions: pd.DataFrame, grain: str) -> None:
    expected = measured(executions, executions["at"].dt.floor(GRAINS[grain]))
    assert len(expected) > 90
    assert stored(loaded, "bucket", f"usage.schema_usage_{grain} where scope = 'global'") == expected


@pytest.mark.parametrize("grain", GRAINS)
@pytest.mark.parametrize("scope", ["schema", "detail"])
def test_each_test_in_each_grain(loaded: Settings, executions: pd.DataFrame, grain: str, scope: str) -> None:
    expected = measured(executions, executions["at"].dt.floor(GRAINS[grain]), "schema_id")
    assert executions["schema_id"].nunique() == 125
    assert stored(loaded, "bucket, schema_id", f"usage.schema_usage_{grain} where scope = '{scope}'") == expected


def test_the_one_region_is_all_there_is(loaded: Settings, executions: pd.DataFrame) -> None:
    expected = measured(executions, executions["LastRun"].dt.date)
    assert stored(loaded, "day", "usage.region_usage_daily") == expected
    shares = ask(
        loaded.database_url,
        "select distinct region, operation_ratio, success_rate_difference, p95_latency_difference_ms as slower "
        "from usage.region_usage_daily",
    )
    assert shares == [{"region": "unknown", "operation_ratio": 1, "success_rate_difference": 0, "slower": 0}]


def test_tests_that_no_longer_run_go_idle_and_stale(loaded: Settings, executions: pd.DataFrame) -> None:
    last = executions.groupby("Name")["LastRun"].max().dt.date
    since = [(LAST - day).days for day in last]
    expected = {
        "active": sum(days <= 7 for days in since),
        "idle": sum(7 < days < 30 for days in since),
        "stale": sum(30 <= days < 90 for days in since),
        "zombie": sum(days >= 90 for days in since),
    }
    rows = ask(
        loaded.database_url,
        "select state, count(*)::int as n from usage.schema_liveness_daily where day = %s group by 1", [LAST],
    )  # fmt: skip
    assert {row["state"]: row["n"] for row in rows} == {state: n for state, n in expected.items() if n}


def test_days_of_many_failures_are_anomalies(loaded: Settings, executions: pd.DataFrame) -> None:
    hours = executions.groupby(executions["at"].dt.floor("1h"))["Verdict"].agg(["size", "sum"])
    hours = hours[(hours["size"] >= 20) & (hours["sum"] / hours["size"] > 0.1)]
    rows = ask(
        loaded.database_url,
        "select bucket, error_count, operation_count from usage.usage_anomalies_daily "
        "where metric = 'error_ratio' and schema_id = %s order by 1", [NIL],
    )  # fmt: skip
    assert [tuple(row.values()) for row in rows] == [(at, row["sum"], row["size"]) for at, row in hours.iterrows()]
