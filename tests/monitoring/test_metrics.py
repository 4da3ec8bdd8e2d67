"""Metrics: values counted by hand, what is told without a database, and that alerts and dashboard name what exists."""

import json
import re
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml
from dagster._core.storage.dagster_run import DagsterRunStatus
from dagster._core.test_utils import create_run_for_test
from dagster._daemon.types import DaemonHeartbeat
from events import DAY, ask, download, execute, load, load_and_aggregate, restored_environment, write
from prometheus_client.parser import text_string_to_metric_families

from analytics_etl.catalog.catalog import Catalog
from analytics_etl.config.settings import CHECKOUT, Settings
from analytics_etl.monitoring.metrics import expose, listen
from analytics_etl.orchestration.instance import instance as opened_instance
from analytics_etl.postgres import migrations
from analytics_etl.postgres.database import Database

NOW = datetime(2025, 3, 12, 6, tzinfo=UTC)  # two days after DAY, which began 54 hours ago
DEPLOY = CHECKOUT / "deploy"

Found = dict[str, dict[frozenset[tuple[str, str]], float]]


def found(settings: Settings, catalog: Catalog, now: datetime = NOW) -> Found:
    """{metric: {labels: value}} as Prometheus reads it."""
    return parsed(expose(settings, catalog, lambda: now))


def parsed(text: str) -> Found:
    return {
        family.name: {frozenset(sample.labels.items()): sample.value for sample in family.samples}
        for family in text_string_to_metric_families(text)
    }


def labels(**values: str) -> frozenset[tuple[str, str]]:
    return frozenset(values.items())


@contextmanager
def dagster_instance(settings: Settings) -> Iterator[dg.DagsterInstance]:
    with restored_environment(), opened_instance(settings) as instance:
        yield instance


def test_metrics_tell_what_is_there(settings: Settings, database: Database, catalog: Catalog) -> None:
    events = [download(n) for n in range(5)]
    bad = download(9, file_size=-1)
    write(settings, "download_events/a.ndjson", [*events, events[0], events[1], bad])
    load_and_aggregate(database, DAY, DAY)
    write(settings, "download_events/late.ndjson", [download(n) for n in range(20, 23)])
    load(database, "registry.download_events", DAY - timedelta(days=1))  # reads the late file, but not for its day
    new = write(settings, "download_events/new.ndjson", [download(50)])
    execute(
        settings.database_url,
        "insert into ops.check_results (table_name, check_name, period_start, period_end, passed, severity, "
        "description, unexpected_count, sample) select 'registry.download_events', name, '2025-03-10', '2025-03-11', "
        "passed, severity, '', 0, '[]' from (values ('a', false, 'error'), ('b', false, 'error'), "
        "('c', false, 'warn'), ('d', true, 'error')) as v (name, passed, severity)",
    )
    modified = datetime.fromtimestamp(new.stat().st_mtime, UTC)
    now = modified + timedelta(seconds=100)
    metrics = found(settings, catalog, now)

    def of(name: str, **values: str) -> float:
        return metrics[f"analytics_etl_{name}"][labels(**values)]

    downloads = {"table": "registry.download_events"}
    assert of("database_up") == 1
    assert of("migrations_pending") == 0
    assert of("newest_partition_rows", **downloads) == 5
    assert of("rows", **downloads) == 5
    assert of("newest_day_read_rows", **downloads) == 8
    assert of("newest_day_rejected_rows", **downloads) == 1
    assert of("newest_day_duplicate_rows", **downloads) == 2
    assert of("landing_files", **downloads) == 3
    assert of("landing_new_files", **downloads) == 1
    assert of("landing_oldest_new_file_age_seconds", **downloads) == pytest.approx(100)
    assert of("landing_waiting_rows", **downloads) == 3
    assert of("landing_waiting_rows", table="registry.compilation_events") == 0
    assert of("failed_checks", severity="error", **downloads) == 2
    assert of("failed_checks", severity="warn", **downloads) == 1
    assert of("failed_checks", severity="error", table="registry.overview_daily") == 0
    began = datetime(2025, 3, 10, tzinfo=UTC).timestamp()
    assert of("newest_partition_start_timestamp_seconds", cadence="day", **downloads) == began
    assert of("newest_partition_start_timestamp_seconds", cadence="month", table="registry.module_stats_monthly") == (
        datetime(2025, 3, 1, tzinfo=UTC).timestamp()
    )
    [written] = ask(
        settings.database_url,
        "select extract(epoch from max(updated_at))::float8 as at, max(duration_ms) filter (where period_start = "
        "'2025-03-10') as ms from ops.partitions where table_name = 'registry.download_events'",
    )
    asset = {"asset": "registry/download_events"}
    assert of("last_success_timestamp_seconds", **asset) == pytest.approx(written["at"])
    assert of("last_success_age_seconds", **asset) == pytest.approx(now.timestamp() - written["at"])
    assert of("newest_partition_duration_seconds", **downloads) == written["ms"] / 1000
    assert 0 < of("disk_free_bytes", folder="home") < of("disk_size_bytes", folder="home")


def test_days_are_counted_by_state(settings: Settings, database: Database, catalog: Catalog) -> None:
    write(settings, "download_events/a.ndjson", [download(1)])
    load(database)
    load(database, "registry.download_events", DAY + timedelta(days=9))
    counts = found(settings, catalog, NOW)["analytics_etl_days"]
    table = {"table": "registry.download_events"}
    assert counts[labels(state="final", **table)] == 1  # the 10th, more than 7 days before the newest, the 19th
    assert counts[labels(state="provisional", **table)] == 1
    assert counts[labels(state="expected", **table)] == 8  # the days between
    assert counts[labels(state="failed", **table)] == 0


def test_dagsters_runs_daemons_and_assets(settings: Settings, catalog: Catalog) -> None:
    before = found(settings, catalog)
    assert "analytics_etl_daemon_heartbeat_timestamp_seconds" in before
    assert before["analytics_etl_daemon_heartbeat_timestamp_seconds"] == {}
    with dagster_instance(settings) as instance:
        instance.add_daemon_heartbeat(DaemonHeartbeat(NOW.timestamp() - 30, "SENSOR", "x", []))
        for status in (DagsterRunStatus.NOT_STARTED, DagsterRunStatus.FAILURE, DagsterRunStatus.FAILURE):
            create_run_for_test(instance, status=status)
        instance.report_runless_asset_event(dg.AssetMaterialization(["registry", "daily_report"], partition="x"))
    # Dagster makes a queued run only of a job in a code location that is loaded.
    execute(settings.database_url, "update dagster.runs set status = 'QUEUED' where status = 'NOT_STARTED'")
    asked = datetime.now(UTC) + timedelta(hours=1)
    metrics = found(settings, catalog, asked)
    statuses = metrics["analytics_etl_runs"]
    assert {dict(key)["status"]: int(n) for key, n in statuses.items() if n} == {"queued": 1, "failure": 2}
    assert metrics["analytics_etl_oldest_queued_run_age_seconds"][labels()] == pytest.approx(3600, abs=60)
    assert metrics["analytics_etl_daemon_heartbeat_timestamp_seconds"] == {
        labels(daemon="sensor"): NOW.timestamp() - 30
    }
    age = metrics["analytics_etl_last_success_age_seconds"][labels(asset="registry/daily_report")]
    assert age == pytest.approx(3600, abs=60)


def test_without_a_database_the_rest_is_told(settings: Settings, catalog: Catalog, tmp_path: Path) -> None:
    nowhere = replace(settings, database_url="postgresql://somebody:s3cr3t@127.0.0.1:1/nothing")
    stopped = Settings(home=tmp_path / "none", landing_dir=tmp_path / "landing")
    for without in (nowhere, stopped):
        metrics = found(without, catalog)
        assert metrics.pop("analytics_etl_database_up") == {labels(): 0}
        assert set(metrics) == {"analytics_etl_disk_free_bytes", "analytics_etl_disk_size_bytes"}
    assert not stopped.home.exists()
    migrations.downgrade(settings, "base")
    metrics = found(settings, catalog)
    assert metrics["analytics_etl_migrations_pending"] == {labels(): 1}
    assert "analytics_etl_rows" not in metrics


def test_they_are_served_on_loopback(settings: Settings, catalog: Catalog) -> None:
    server, thread = listen(settings, catalog, lambda: NOW, "127.0.0.1", 0)
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}/metrics", timeout=30) as answer:
            assert parsed(answer.read().decode())["analytics_etl_database_up"] == {labels(): 1}
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


# -- alerts and dashboard ----------------------------------------------------------------------------------------------

ALERTS = [
    rule
    for group in yaml.safe_load((DEPLOY / "prometheus" / "alerts.yml").read_text())["groups"]
    for rule in group["rules"]
]
PANELS = json.loads((DEPLOY / "grafana" / "analytics_etl.json").read_text())["panels"]
TARGETS: list[dict[str, Any]] = [target for panel in PANELS for target in panel["targets"]]


@pytest.fixture
def names(settings: Settings, database: Database, catalog: Catalog) -> dict[str, set[str]]:
    """{metric: its labels} of a pipeline in which everything has happened once."""
    write(settings, "download_events/a.ndjson", [download(1)])
    load(database)
    with dagster_instance(settings) as instance:
        instance.add_daemon_heartbeat(DaemonHeartbeat(NOW.timestamp(), "SENSOR", "x", []))
    metrics = found(settings, catalog)
    assert [name for name, samples in metrics.items() if not samples] == []
    return {name: {label for key in samples for label, _ in key} for name, samples in metrics.items()}


def test_alerts_and_dashboard_name_metrics_and_labels_that_exist(names: dict[str, set[str]]) -> None:
    texts = [(rule["expr"], json.dumps(rule["annotations"])) for rule in ALERTS]
    texts += [(target["expr"], target["legendFormat"]) for target in TARGETS]
    used: set[str] = set()
    for expression, shown in texts:
        metrics = re.findall(r"analytics_etl_\w+", expression)
        assert metrics, expression
        assert set(metrics) <= set(names), expression
        used |= set(metrics)
        for metric, matchers in re.findall(r"(analytics_etl_\w+)\{([^}]*)\}", expression):
            assert set(re.findall(r"(\w+)\s*(?:=|!)", matchers)) <= names[metric], expression
        known = set.union(*(names[metric] for metric in metrics))
        grouped = {name for group in re.findall(r"by \(([^)]*)\)", expression) for name in re.split(r",\s*", group)}
        legend = set(re.findall(r"\{\{(\w+)\}\}", shown)) | set(re.findall(r"\$labels\.(\w+)", shown))
        assert grouped | legend <= known, (expression, shown)
    assert len(used) > 15


def test_metrics_follow_prometheus_conventions(names: dict[str, set[str]]) -> None:
    for name in names:
        assert re.fullmatch(r"analytics_etl_[a-z][a-z_]*[a-z]", name)
        assert not name.endswith(("_total", "_ms", "_count", "_sum", "_bucket")), "all are gauges in base units"
        if "timestamp" in name or "duration" in name or "age" in name.split("_"):
            assert name.endswith("_seconds")


def test_each_alert_and_panel_is_complete() -> None:
    wanted = {
        "AnalyticsNoScrape", "AnalyticsYesterdayMissing", "AnalyticsChecksFail", "AnalyticsRowsRejected",
        "AnalyticsLandingBacklogOld", "AnalyticsDaemonSilent", "AnalyticsDiskNearlyFull",
    }  # fmt: skip
    assert wanted <= {rule["alert"] for rule in ALERTS}
    for rule in ALERTS:
        assert rule["for"]
        assert rule["labels"]["severity"] in ("critical", "warning")
        assert rule["annotations"].keys() == {"summary", "description"}
    ids = [panel["id"] for panel in PANELS]
    assert len(ids) == len(set(ids))
    places = {(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in PANELS}
    assert len(places) == len(PANELS)
