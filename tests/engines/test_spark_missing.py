"""Without pyspark or Java, Spark says what to install."""

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from events import DAY, declared
from lakes import needs_spark

from analytics_etl.catalog.catalog import kept_in_lake
from analytics_etl.engines.spark import SparkEngine, SparkError
from analytics_etl.lake.folder import FolderLake

MODEL = declared().aggregates["usage.service_usage_daily"]


def engine(folder: Path, master: str = "local") -> SparkEngine:
    files = dict.fromkeys(kept_in_lake(declared()), ())
    return SparkEngine(FolderLake(folder), declared().contracts, files, master, 1024, folder)


def test_without_pyspark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyspark", None)
    monkeypatch.setitem(sys.modules, "py4j.protocol", None)
    expected = r"^ANALYTICS_ENGINE=spark needs pyspark: pip install 'analytics-etl\[spark\]'"
    with pytest.raises(SparkError, match=expected), engine(tmp_path).compute(MODEL, {}, DAY, DAY + timedelta(days=1)):
        pass


@needs_spark
@pytest.mark.spark
def test_without_java(tmp_path: Path) -> None:
    code = (
        "from pathlib import Path; from analytics_etl.engines.spark import _session; "
        f"_session('local', 1024, Path({str(tmp_path)!r}))"
    )
    environment = {**os.environ, "JAVA_HOME": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False)
    assert "SparkError: Spark did not start at local: it needs Java 17 or 21" in done.stderr.splitlines()[-1]
