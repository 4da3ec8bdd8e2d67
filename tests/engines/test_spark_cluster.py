"""A standalone cluster of Spark on this machine: a worker is killed while it computes a day."""

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import numpy as np
import pyarrow as pa
import pytest
import sql_engines
from conftest import Server
from events import DAY
from lakes import GivenLake, needs_spark, rows_from, spark_of

from analytics_etl.catalog.catalog import Catalog, kept_in_lake
from analytics_etl.engines.duckdb import DuckDBEngine
from analytics_etl.lake.days import DayWriter, schema_of
from analytics_etl.lake.folder import FolderLake

pytestmark = [needs_spark, pytest.mark.spark_cluster]

EVENTS = "usage.schema_usage_events"
ROWS = 300_000
PATIENCE = 120
"""Seconds that a process or a first task may take to start."""


@contextmanager
def process_of(name: str, *arguments: str, folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """A process of Spark and its log."""
    import pyspark  # noqa: PLC0415 - an extra

    home = Path(pyspark.__file__).parent
    log = folder / f"{name}.log"
    environment = {**os.environ, "SPARK_LOCAL_IP": "127.0.0.1", "SPARK_HOME": str(home)}
    with log.open("wb") as out:
        process = subprocess.Popen(
            [str(home / "bin" / "spark-class"), *arguments],
            stdout=out, stderr=out, env=environment, start_new_session=True,
        )  # fmt: skip
    try:
        yield process, log
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)  # whoever runs the tests may have SIGTERM ignored
        process.wait(PATIENCE)


def wait_for(log: Path, pattern: str) -> str:
    """The text of the first group, once the pattern is in a log."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        if found := re.search(pattern, log.read_text(encoding="utf-8", errors="replace")):
            return found[1]
        time.sleep(0.1)
    raise TimeoutError(f"{pattern} is not in {log.read_text(encoding='utf-8', errors='replace')}")


@contextmanager
def cluster(folder: Path, workers: int) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """A master and workers with a core each."""
    package = "org.apache.spark.deploy"
    with ExitStack() as stack:
        options = ("--host", "127.0.0.1", "--port", "0", "--webui-port", "0")
        _, log = stack.enter_context(process_of("master", f"{package}.master.Master", *options, folder=folder))
        address = wait_for(log, r"Starting Spark master at (spark://\S+)")
        processes = []
        for number in range(workers):
            limits = ("--cores", "1", "--memory", "1g", "--work-dir", str(folder / f"work{number}"))
            started = process_of(
                f"worker{number}", f"{package}.worker.Worker", *options, *limits, address, folder=folder
            )
            process, log = stack.enter_context(started)
            wait_for(log, r"(Successfully registered with master)")
            processes.append(process)
        yield address, processes


@pytest.fixture
def lake(tmp_path: Path, catalog: Catalog) -> GivenLake:
    """A day of usage events."""
    random = np.random.default_rng(7)
    contract, schema = catalog.contracts[EVENTS], schema_of(catalog.contracts[EVENTS])
    schemas = [UUID(int=n).bytes for n in range(1, 51)]  # 0 is that of all together
    midnight = np.datetime64(DAY.isoformat(), "us")
    values = {
        "event_id": pa.array([UUID(int=n).bytes for n in range(ROWS)], pa.binary(16)),
        "occurred_at": pa.array(midnight + random.integers(0, 86_400 * 10**6, ROWS)).cast(pa.timestamp("us", "UTC")),
        "schema_id": pa.array([schemas[n] for n in random.integers(0, len(schemas), ROWS)], pa.binary(16)),
        "operation": pa.array(random.choice(["read", "write"], ROWS)),
        "latency_ms": pa.array(random.integers(0, 5_000, ROWS)),
        "success": pa.array(random.random(ROWS) < 0.9),
    }
    arrays = []
    for item in schema:
        example = pa.array(["a"] * ROWS) if item.type == pa.string() else pa.nulls(ROWS, item.type)
        arrays.append(values.get(item.name, example))
    found = FolderLake(tmp_path / "lake")
    with DayWriter(found, contract, [DAY], 256) as writer:
        writer.add(DAY, pa.Table.from_arrays(arrays, schema=schema))
        files = list(writer.place(None))
    return GivenLake(found, {**dict.fromkeys(kept_in_lake(catalog), ()), EVENTS: files})


def without_session() -> None:
    from pyspark.sql import SparkSession  # noqa: PLC0415 - an extra

    if session := SparkSession.getActiveSession():
        session.stop()


def active_tasks() -> dict[str, int]:
    """{executor: tasks it has been given and not finished} of this process' session."""
    from pyspark.sql import SparkSession  # noqa: PLC0415 - an extra

    session = SparkSession.getActiveSession() or SparkSession._instantiatedSession
    assert session is not None, "the engine has no session"
    found = session.sparkContext._jsc.sc().statusStore().executorList(True)  # noqa: FBT003 - Java
    executors = [found.apply(number) for number in range(found.size())]
    return {executor.id(): executor.activeTasks() for executor in executors if executor.id() != "driver"}


def wait_until(holds: Callable[[], bool], what: str) -> None:
    until = time.monotonic() + PATIENCE
    while not holds():
        if time.monotonic() > until:
            raise TimeoutError(what)
        time.sleep(0.02)


def test_a_worker_is_lost_and_the_day_is_whole(
    server: Server, catalog: Catalog, lake: GivenLake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker stands still before the day begins, so it is killed while it has a task, on a fast machine, too."""
    monkeypatch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
    without_session()
    model, end = catalog.aggregates["usage.schema_usage_1m"], DAY + timedelta(days=1)
    with sql_engines.postgres(server, catalog) as engine:
        types = {name: column.type for name, column in engine.tables[model.table].items()}
    expected = rows_from(DuckDBEngine(lake.lake, catalog.contracts, lake.files, 512, tmp_path), model, types, DAY, end)
    with cluster(tmp_path, workers=2) as (address, workers), ThreadPoolExecutor(1) as thread:
        spark = replace(spark_of(lake, catalog, tmp_path), master=address)
        assert rows_from(spark, model, types, end, end + timedelta(days=1)) == []  # starts the executors
        try:
            wait_until(lambda: len(active_tasks()) == len(workers), "not every worker has an executor")
            [folder] = (tmp_path / "work1").glob("app-*/*/")
            os.killpg(workers[1].pid, signal.SIGSTOP)
            computed = thread.submit(rows_from, spark, model, types, DAY, end)
            wait_until(lambda: active_tasks()[folder.name] > 0, "the worker that stands still got no task")
            os.killpg(workers[1].pid, signal.SIGKILL)
            assert workers[1].wait(PATIENCE) == -signal.SIGKILL
            rows = computed.result(4 * PATIENCE)
        finally:
            without_session()
    assert by_key(rows, model.key) == by_key(expected, model.key)


def by_key(rows: list[sql_engines.Row], key: Sequence[str]) -> dict[tuple[object, ...], sql_engines.Row]:
    found = {tuple(row[name] for name in key): row for row in rows}
    assert len(found) == len(rows)
    return found
