"""The state of the pipeline as Prometheus metrics, read from the database at each scrape.

Writes nothing and never starts the embedded server. All metrics are gauges, counts too: they can go down when a day is
loaded again.
"""

import os
import shutil
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, get_args
from wsgiref.simple_server import WSGIServer

from prometheus_client import CollectorRegistry, generate_latest, start_http_server
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from analytics_etl.catalog.catalog import Catalog
from analytics_etl.catalog.models import cadence_of
from analytics_etl.config.settings import Settings
from analytics_etl.landing import LandingFile, list_files
from analytics_etl.monitoring.host_guard import guarded
from analytics_etl.ops.days import DayState
from analytics_etl.ops.observing import observe
from analytics_etl.postgres import migrations
from analytics_etl.postgres import server as embedded
from analytics_etl.postgres.connection import LOST_CONNECTION, DatabaseError

Clock = Callable[[], datetime]
Answers = Mapping[str, Sequence[Mapping[str, Any]]]
Sample = tuple[Sequence[str], float]

RUN_STATUSES = ("queued", "not_started", "starting", "started", "success", "failure", "canceling", "canceled")
SEVERITIES = ("error", "warn")


class PipelineCollector(Collector):
    """Collects all metrics for a scrape. Without a database, only those of the disk and that the database is down."""

    def __init__(self, settings: Settings, catalog: Catalog, now: Clock) -> None:
        self.settings = settings
        self.catalog = catalog
        self.now = now

    def collect(self) -> Iterator[GaugeMetricFamily]:
        yield from _disk(self.settings)
        try:
            at = self._revision()
            answers = observe(self.settings) if at == migrations.head() else None
        except (*LOST_CONNECTION, DatabaseError, embedded.EmbeddedServerError):
            yield _gauge("database_up", "Whether the database answers.", [((), 0)])
            return
        yield _gauge("database_up", "Whether the database answers.", [((), 1)])
        pending = "Whether the database is not at the revision of this code; then nothing else of it is measured."
        yield _gauge("migrations_pending", pending, [((), answers is None)])
        if answers is None:
            return
        now = self.now()
        yield from _freshness(answers, now)
        yield from _volume(answers)
        yield from _checks(answers, [*self.catalog.contracts, *self.catalog.derived])
        yield from _landing(self.settings, self.catalog, answers, now)
        yield from _dagster(answers, now)
        yield from _days(answers, list(self.catalog.kept_by_day))

    def _revision(self) -> str | None:
        """The revision of the database. Raises DatabaseError if the embedded server does not run."""
        if self.settings.database_url is None and embedded.running_url(self.settings.home) is None:
            raise DatabaseError("the embedded server is not running")
        return migrations.current(self.settings)


def expose(settings: Settings, catalog: Catalog, now: Clock) -> str:
    """All metrics in Prometheus' text format."""
    return generate_latest(_registry(settings, catalog, now)).decode()


def listen(
    settings: Settings, catalog: Catalog, now: Clock, host: str, port: int
) -> tuple[WSGIServer, threading.Thread]:
    """Serve scrapes of http://host:port/metrics from a new thread; requests for other hosts are refused."""
    server, thread = start_http_server(port, host, _registry(settings, catalog, now))
    app = server.get_app()
    assert app is not None
    server.set_app(guarded(app, {*settings.allowed_hosts, host}))
    return server, thread


def _registry(settings: Settings, catalog: Catalog, now: Clock) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(PipelineCollector(settings, catalog, now))
    return registry


def _gauge(name: str, documentation: str, samples: Iterable[Sample], labels: Sequence[str] = ()) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"analytics_etl_{name}", documentation, labels=labels)
    for values, number in samples:
        family.add_metric(values, number)
    return family


def _disk(settings: Settings) -> Iterator[GaugeMetricFamily]:
    usage = {
        name: shutil.disk_usage(_nearest(folder))
        for name, folder in {"home": settings.home, "landing": settings.landing_dir}.items()
    }
    free = [((name,), found.free) for name, found in usage.items()]
    yield _gauge("disk_free_bytes", "Space left on the disk of a folder.", free, ("folder",))
    size = [((name,), found.total) for name, found in usage.items()]
    yield _gauge("disk_size_bytes", "Size of the disk of a folder.", size, ("folder",))


def _nearest(folder: Path) -> Path:
    return next(path for path in (folder, *folder.parents) if os.path.exists(path))  # noqa: PTH110 - does not raise


def _freshness(answers: Answers, now: datetime) -> Iterator[GaugeMetricFamily]:
    last: dict[str, datetime] = {}
    for row in (*answers["materialized"], *answers["written"]):
        last[row["asset"]] = max(row["at"], last.get(row["asset"], row["at"]))
    yield _gauge(
        "last_success_timestamp_seconds",
        "When some partition of an asset was last written.",
        [((asset,), at.timestamp()) for asset, at in sorted(last.items())],
        ("asset",),
    )
    yield _gauge(
        "last_success_age_seconds",
        "Time since some partition of an asset was last written.",
        [((asset,), (now - at).total_seconds()) for asset, at in sorted(last.items())],
        ("asset",),
    )
    yield _gauge(
        "newest_partition_start_timestamp_seconds",
        "Beginning of the newest day, week or month of a table, in UTC.",
        [
            ((r["table_name"], cadence_of(r["table_name"])), _midnight(r["period_start"]))
            for r in answers["newest_partitions"]
        ],
        ("table", "cadence"),
    )


def _volume(answers: Answers) -> Iterator[GaugeMetricFamily]:
    per_table = ("table",)
    newest = answers["newest_partitions"]
    samples: list[Sample] = [((row["table_name"],), row["rows"]) for row in newest]
    yield _gauge("newest_partition_rows", "Rows of the newest partition of a table.", samples, per_table)
    samples = [((row["table_name"],), row["duration_ms"] / 1000) for row in newest]
    yield _gauge(
        "newest_partition_duration_seconds", "How long it took to write the newest partition.", samples, per_table
    )
    samples = [((row["table_name"],), row["rows"]) for row in answers["stored_rows"]]
    yield _gauge("rows", "Rows of all partitions of a table.", samples, per_table)
    for name, what in {
        "read": "Rows of the newest loaded day in the landing files, rejected ones included.",
        "rejected": "Rows of the newest loaded day that do not fit their contract.",
        "duplicate": "Rows of the newest loaded day left out because another one has their event_id.",
    }.items():
        samples = [((row["table_name"],), row[name]) for row in answers["newest_days"]]
        yield _gauge(f"newest_day_{name}_rows", what, samples, per_table)


def _checks(answers: Answers, tables: Sequence[str]) -> Iterator[GaugeMetricFamily]:
    failed = {(row["table_name"], row["severity"]): row["failed"] for row in answers["failed_checks"]}
    yield _gauge(
        "failed_checks",
        "Checks of partitions of a table whose latest result is a failure.",
        [((table, severity), failed.get((table, severity), 0)) for table in tables for severity in SEVERITIES],
        ("table", "severity"),
    )


def _days(answers: Answers, tables: Sequence[str]) -> Iterator[GaugeMetricFamily]:
    counts = {(row["table_name"], row["state"]): row["days"] for row in answers["day_states"]}
    yield _gauge(
        "days",
        "Days of a table in a state: expected ones are due and not there, frozen_late ones are final and files wait.",
        [((table, state), counts.get((table, state), 0)) for table in tables for state in get_args(DayState)],
        ("table", "state"),
    )


def _landing(settings: Settings, catalog: Catalog, answers: Answers, now: datetime) -> Iterator[GaugeMetricFamily]:
    known = {(r["table_name"], r["path"]): (r["size_bytes"], r["modified_at"]) for r in answers["known_files"]}
    waiting = {row["table_name"]: row["rows"] for row in answers["waiting_rows"]}
    files: list[Sample] = []
    new: list[Sample] = []
    ages: list[Sample] = []
    for table, contract in catalog.contracts.items():
        present = list_files(settings.landing_dirs, contract.name, frozenset(catalog.mappings(contract.family)))
        unread = [file for file in present if known.get((table, file.path)) != _version(file)]
        files.append(((table,), len(present)))
        new.append(((table,), len(unread)))
        ages.append(((table,), max([0.0, *((now - file.modified_at).total_seconds() for file in unread)])))
    yield _gauge("landing_files", "Landing files of a table.", files, ("table",))
    yield _gauge("landing_new_files", "Landing files that are new or changed since they were read.", new, ("table",))
    yield _gauge(
        "landing_oldest_new_file_age_seconds", "Age of the oldest of the new files; 0 without any.", ages, ("table",)
    )
    yield _gauge(
        "landing_waiting_rows",
        "Valid rows of files that were read whose day has not been loaded since.",
        [((table,), waiting.get(table, 0)) for table in catalog.contracts],
        ("table",),
    )


def _version(file: LandingFile) -> tuple[int, datetime]:
    return file.size_bytes, file.modified_at


def _dagster(answers: Answers, now: datetime) -> Iterator[GaugeMetricFamily]:
    runs = {row["status"]: row["runs"] for row in answers["runs"]}
    samples: list[Sample] = [((status,), runs.get(status, 0)) for status in RUN_STATUSES]
    yield _gauge("runs", "Dagster runs that are kept, by status.", samples, ("status",))
    queued = [row["at"] for row in answers["oldest_queued"] if row["at"] is not None]
    age = max([0.0, *((now - at).total_seconds() for at in queued)])
    yield _gauge("oldest_queued_run_age_seconds", "How long a run has been queued; 0 without any.", [((), age)])
    samples = [((row["daemon"],), row["at"].timestamp()) for row in answers["heartbeats"]]
    yield _gauge(
        "daemon_heartbeat_timestamp_seconds", "Last sign of life of each of Dagster's daemons.", samples, ("daemon",)
    )


def _midnight(day: date) -> float:
    return datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()
