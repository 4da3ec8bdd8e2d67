"""Telling all processes what was posted: the newest sample of each series of a metric, and how many records of a table.

A series that is posted a thousand times a second is told four times a second. Nothing of it is needed to load the
records: what cannot be told is seen when it is loaded.
"""

import json
import logging
import math
import threading
from collections import Counter, OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from analytics_etl.catalog.contracts import Contract
from analytics_etl.ops import live
from analytics_etl.postgres.database import Database
from analytics_etl.postgres.failures import SERVER_ERRORS

SAMPLES = "platform.metric_samples"
SECONDS_BETWEEN = 0.25
MOST_SERIES = 5_000
"""Told at once; of more, those that were posted least recently are left out."""

Sample = dict[str, Any]
SeriesKey = tuple[Any, ...]

_log = logging.getLogger(__name__)


class Announcer:
    """Tells what was written; `start` it first, and `close` it at the end."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._has_news, self._is_over = threading.Event(), threading.Event()
        self._newest: OrderedDict[SeriesKey, Sample] = OrderedDict()
        self._counts: Counter[str] = Counter()
        self._thread = threading.Thread(target=self._run, name="announcing", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Tell what is left."""
        if self._thread.is_alive():
            self._is_over.set()
            self._has_news.set()
            self._thread.join()

    def written(self, contract: Contract, lines: Sequence[str]) -> None:
        """Take lines of a table that are on disk."""
        found = list(_samples(lines)) if contract.table == SAMPLES else []
        with self._lock:
            self._counts[contract.table] += len(lines)
            for sample in found:
                key = series_key(sample)
                known = self._newest.pop(key, None)
                self._newest[key] = sample if known is None or not is_older(sample, known) else known
            while len(self._newest) > MOST_SERIES:
                self._newest.popitem(last=False)
        self._has_news.set()

    def _run(self) -> None:
        while not self._is_over.wait(SECONDS_BETWEEN):
            self._has_news.wait()
            self._tell()
        self._tell()

    def _tell(self) -> None:
        with self._lock:
            self._has_news.clear()
            samples, counts = list(self._newest.values()), dict(self._counts)
            self._newest.clear()
            self._counts.clear()
        if not counts:
            return
        try:
            with self._database.transaction() as connection:
                if samples:
                    left_out = live.tell(connection, "samples", samples)
                    if left_out:
                        _log.warning("%s samples are too long for live updates", left_out)
                posted = [{"table": table, "count": count} for table, count in counts.items()]
                live.tell(connection, "posted", posted)
        except SERVER_ERRORS as error:
            _log.warning("live updates lack what was just posted: %s", error)


def series_key(sample: Mapping[str, Any]) -> SeriesKey:
    """What tells one series from others: the same for the same labels in any order."""
    labels = json.dumps(sample["labels"], sort_keys=True)
    return *(sample[name] for name in ("name", "tenantId", "category", "type", "unit")), labels


def is_older(sample: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether a sample was measured before another one."""
    return datetime.fromisoformat(sample["timestamp"]) < datetime.fromisoformat(other["timestamp"])


def sample_of(row: Mapping[str, Any]) -> Sample:
    """A row of samples as clients of live updates have it. ValueError for what they cannot be told."""
    labels, at, value = row["labels"], row["recorded_at"], float(row["value"])
    labels = json.loads(labels) if isinstance(labels, str) else labels
    at = datetime.fromisoformat(at) if isinstance(at, str) else at
    if not math.isfinite(value) or not isinstance(labels, dict):
        raise ValueError("expected a finite number, and labels")
    at = at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    return {
        "name": str(row["name"]), "tenantId": row.get("tenant_id") or None, "category": row["category"],
        "type": row["type"], "unit": row.get("unit") or None, "labels": labels, "value": value,
        "timestamp": at.isoformat().replace("+00:00", "Z"),
    }  # fmt: skip


def _samples(lines: Sequence[str]) -> Iterator[Sample]:
    """The samples of lines that fit the contract.

    It takes more ways to write a time or a number than Python does; a sample that is written so is seen when it is
    loaded, as one of a time that Python does not know.
    """
    for line in lines:
        try:
            yield sample_of(json.loads(line))
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
            continue
