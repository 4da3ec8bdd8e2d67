"""Real pods of a cluster through the whole path: every number equals one that pandas computes from the file."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta

import pandas as pd
import pytest
from conftest import REAL_DATA, Server, needs_real_data, settings_in
from events import aggregate, ask, days_of, ledger, load

from analytics_etl.config.settings import PerTable, Settings
from analytics_etl.postgres.database import Database

pytestmark = needs_real_data

FILE = REAL_DATA / "gpu_pods" / "openb_pod_list_default.csv.gz"
FIRST = date(2023, 1, 1)
"""The day the trace's first second is taken to be of."""
LAST = FIRST + timedelta(days=149)


@pytest.fixture(scope="module")
def pods() -> pd.DataFrame:
    """The file as pandas reads it, with times in milliseconds; NaN for a pod that was never scheduled."""
    frame = pd.read_csv(FILE)
    frame["day"] = [FIRST + timedelta(days=int(second) // 86_400) for second in frame["creation_time"]]
    frame["queue_ms"] = (frame["scheduled_time"] - frame["creation_time"]) * 1000
    frame["processing_ms"] = (frame["deletion_time"] - frame["scheduled_time"]) * 1000
    return frame


@pytest.fixture(scope="module")
def loaded(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """A database with all of them loaded and aggregated, as one range."""
    url = server.clone()
    settings = replace(settings_in(tmp_path_factory.mktemp("pods"), url, FIRST), hot_days=PerTable(None))
    folder = settings.landing_dir / "schedule_events" / "gpu_pods"
    folder.mkdir(parents=True)
    shutil.copy(FILE, folder)
    database = Database(settings)
    load(database, "schedules.schedule_events", *days_of(FIRST, LAST))
    aggregate(database, FIRST, LAST, ("day",), ["schedules"])
    yield settings
    server.drop(url)


def test_every_pod_is_loaded_and_those_never_scheduled_have_no_queue_time(loaded: Settings, pods: pd.DataFrame) -> None:
    (entry,) = ledger(loaded.database_url).values()
    assert (entry["rows_read"], entry["rows_rejected"]) == (len(pods), 0)
    (found,) = ask(
        loaded.database_url,
        "select count(*) as pods, count(queue_time_ms) as queued, count(*) filter (where queue_time_ms = 0) as at_once "
        "from schedules.schedule_events",
    )
    never = int(pods["scheduled_time"].isna().sum())
    assert never > 800
    assert found == {"pods": 8152, "queued": 8152 - never, "at_once": int((pods["queue_ms"] == 0).sum())}


def test_days_equal_pandas(loaded: Settings, pods: pd.DataFrame) -> None:
    """Counts, sums, means and exact percentiles (linear between the two nearest, as percentile_cont has them)."""
    found = {row["day"]: row for row in ask(loaded.database_url, "select * from schedules.schedule_stats_daily")}
    assert len(found) == pods["day"].nunique() > 50
    for day, group in pods.groupby("day"):
        row = found[day]
        phases = group["pod_phase"].value_counts()
        assert row["attempt_count"] == row["execution_count"] == len(group)
        assert row["success_count"] == phases.get("Running", 0) + phases.get("Succeeded", 0)
        assert (row["failure_count"], row["skipped_count"]) == (phases.get("Failed", 0), phases.get("Pending", 0))
        hours = (group["creation_time"] // 3600 % 24).value_counts()
        assert (row["peak_hour_attempt_count"], row["peak_hour"]) == (
            hours.max(),
            min(hours[hours == hours.max()].index),
        )
        for name, values in (("queue", group["queue_ms"].dropna()), ("processing", group["processing_ms"].dropna())):
            assert row[f"{name}_timed_count"] == len(values)
            assert row[f"total_{name}_time_ms"] == values.sum()
            if len(values):
                assert row[f"avg_{name}_time_ms"] == pytest.approx(values.mean(), rel=1e-12)
                for q in (50, 95, 99):
                    assert row[f"p{q}_{name}_time_ms"] == pytest.approx(values.quantile(q / 100), rel=1e-12), (day, q)
            else:
                assert row[f"avg_{name}_time_ms"] is row[f"p50_{name}_time_ms"] is None


def test_baselines_equal_pandas(loaded: Settings, pods: pd.DataFrame) -> None:
    """Each class of service against its own 28 days before."""
    found = ask(loaded.database_url, "select * from schedules.schedule_performance_daily")
    assert len(found) == len(pods.groupby(["day", "qos"])) > 100
    for row in found:
        past = pods[
            (pods["qos"] == row["schedule_id"])
            & (pods["day"] < row["day"])
            & (pods["day"] >= row["day"] - timedelta(days=28))
        ]
        assert row["baseline_days"] == past["day"].nunique()
        if not len(past):
            assert row["baseline_avg_queue_time_ms"] is row["baseline_attempts_per_day"] is None
            continue
        assert row["baseline_attempts_per_day"] == pytest.approx(len(past) / past["day"].nunique(), rel=1e-12)
        queued = past["queue_ms"].dropna()
        if len(queued):
            assert row["baseline_avg_queue_time_ms"] == pytest.approx(queued.mean(), rel=1e-12)
        failed, good = (past["pod_phase"] == "Failed").sum(), past["pod_phase"].isin(["Running", "Succeeded"]).sum()
        rate = good / (good + failed) if good + failed else None
        assert row["baseline_success_rate"] == (None if rate is None else pytest.approx(rate, rel=1e-12))
    flow = ask(loaded.database_url, "select count(*) as days from schedules.schedule_flow_daily")
    assert flow == [{"days": 0}], "a pod passes no tiers"
