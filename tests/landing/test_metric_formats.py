"""Prometheus text, OpenMetrics, OTLP as JSON and StatsD lines become samples of metrics, or are rejected by line."""

# ruff: noqa: E501 - tables are read by their rows

import gzip
import json
import tracemalloc
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import zstandard
from books import assert_books_balance
from events import declared, ledger, load, write_raw
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, Summary, generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.parser import text_string_to_metric_families
from reading import Read, read

from analytics_etl.config.settings import Settings
from analytics_etl.landing import list_files
from analytics_etl.landing.metric_formats.opening import samples_of
from analytics_etl.landing.rejections import FileState
from analytics_etl.postgres.database import Database

SAMPLES = "platform.metric_samples"
DAY = date(2025, 3, 10)
NAMED = "2025-03-10T12-00-00Z"
"""The time of files whose samples have none."""
NOON = 1741608000
NO_TIME = "has no time; expected one in the line, or in the file's name like 2025-03-31T12-00-00Z"


def read_metrics(folder: Path, files: Mapping[str, bytes], *days: date) -> Read:
    source = declared().mappings("platform")["telemetry"]
    return read(folder, files, *(days or [DAY]), table=SAMPLES, source=source)


def samples(found: Read) -> list[tuple[Any, ...]]:
    """(seconds after noon, name, type, unit, value, labels) of each row, sorted by name and labels."""
    noon = datetime.fromtimestamp(NOON, UTC)
    rows = [
        (
            (row["recorded_at"] - noon).total_seconds(),
            row["name"],
            row["type"],
            row["unit"],
            row["value"],
            row["labels"],
        )
        for row in found.rows
    ]
    return sorted(rows, key=lambda row: (row[1], row[5], row[0]))


def rejected(found: Read) -> list[tuple[int | None, str]]:
    return sorted((row.line or 0, row.reason) for _, row in found.rejected)


PROMETHEUS = rb"""# HELP http_requests_total All requests.
# TYPE http_requests_total counter
http_requests_total{method="post",code="200"} 1027 1741608000000
http_requests_total{method="post",code="400",empty=""}    3 1741608000123

# Escapes in the value of a label, and a comment:
disk_access_seconds{path="C:\\DIR\\F.TXT",error="Not found:\n\"F.TXT\" {}"} 1.458e9
no_labels_and_no_time 12.47
from_before_the_epoch{problem="division by zero"} +Inf -3982045
# TYPE request_seconds histogram
request_seconds_bucket{le="0.05"} 24054
request_seconds_bucket{le="+Inf"} 144320
request_seconds_sum 53423
request_seconds_count 144320
# HELP rpc_seconds A summary.
# TYPE rpc_seconds summary
rpc_seconds{quantile="0.5"} 4773
rpc_seconds{quantile="0.99"} NaN
rpc_seconds_sum 1.7560473e+07
rpc_seconds_count 2693
# TYPE tenants gauge
tenants{tenant_id="acme",user_id="u1",category="business",service_id="shop"} 5
"""
TOTAL = '{"temporality":"cumulative"}'


def test_prometheus_text(tmp_path: Path) -> None:
    found = read_metrics(tmp_path, {f"scrape-{NAMED}.prom": PROMETHEUS})
    assert samples(found) == [
        (
            0,
            "disk_access_seconds",
            "gauge",
            None,
            1.458e9,
            r'{"error":"Not found:\n\"F.TXT\" {}","path":"C:\\DIR\\F.TXT"}',
        ),
        (0, "http_requests_total", "counter", None, 1027, '{"code":"200","method":"post","temporality":"cumulative"}'),
        (0.123, "http_requests_total", "counter", None, 3, '{"code":"400","method":"post","temporality":"cumulative"}'),
        (0, "no_labels_and_no_time", "gauge", None, 12.47, "{}"),
        (0, "request_seconds_bucket", "counter", None, 144320, '{"le":"+Inf","temporality":"cumulative"}'),
        (0, "request_seconds_bucket", "counter", None, 24054, '{"le":"0.05","temporality":"cumulative"}'),
        (0, "request_seconds_count", "counter", None, 144320, TOTAL),
        (0, "request_seconds_sum", "counter", None, 53423, TOTAL),
        (0, "rpc_seconds", "gauge", None, 4773, '{"quantile":"0.5"}'),
        (0, "rpc_seconds_count", "counter", None, 2693, TOTAL),
        (0, "rpc_seconds_sum", "counter", None, 17560473, TOTAL),
        (0, "tenants", "gauge", None, 5, '{"service_id":"shop"}'),
    ]
    [tenants] = [row for row in found.rows if row["name"] == "tenants"]
    assert (tenants["tenant_id"], tenants["user_id"], tenants["category"]) == ("acme", "u1", "business")
    assert {(row["tenant_id"], row["category"]) for row in found.rows if row is not tenants} == {(None, "system")}
    assert rejected(found) == [(9, "recorded_at: 1969-12-31T22:53:37.955000Z is outside the years 1970 to 9999")]
    [report] = found.reports
    assert (report.valid.total(), report.rejected.total(), report.others) == (12, 1, 1)  # the other is NaN


OPENMETRICS = b"""# TYPE request_seconds histogram
# UNIT request_seconds seconds
# HELP request_seconds Duration.
request_seconds_bucket{le="0.1"} 8 1741608000.5 # {trace_id="a} # {"} 0.067
request_seconds_bucket{le="+Inf"} 10 1741608000.5
request_seconds_sum 1.5 1741608000.5
request_seconds_count 10 1741608000.5
request_seconds_created 1.7416e9 1741608000.5
# TYPE sent_bytes counter
# UNIT sent_bytes bytes
sent_bytes_total{path="/a"} 7 1741608000.5 # {id="1"} 1 1741608000
# TYPE build info
build_info{version="1.2"} 1 1741608000.5
# TYPE mode stateset
mode{mode="on"} 1 1741608000.5
# TYPE queue gaugehistogram
queue_bucket{le="+Inf"} 4 1741608000.5
queue_gcount 4 1741608000.5
queue_gsum 9 1741608000.5
# EOF
# TYPE sent_bytes counter
sent_bytes_total{path="/a"} 9 1.741608015e9
sent_bytes_total{path="/b"} 1
# EOF
"""


def test_openmetrics(tmp_path: Path) -> None:
    """Also two of them one after the other, as a file has them that snapshots are appended to."""
    found = read_metrics(tmp_path, {"a.openmetrics": OPENMETRICS})
    assert samples(found) == [
        (0.5, "build_info", "gauge", None, 1, '{"version":"1.2"}'),
        (0.5, "mode", "gauge", None, 1, '{"mode":"on"}'),
        (0.5, "queue_bucket", "gauge", None, 4, '{"le":"+Inf"}'),
        (0.5, "queue_gcount", "gauge", None, 4, "{}"),
        (0.5, "queue_gsum", "gauge", None, 9, "{}"),
        (0.5, "request_seconds_bucket", "counter", None, 10, '{"le":"+Inf","temporality":"cumulative"}'),
        (0.5, "request_seconds_bucket", "counter", None, 8, '{"le":"0.1","temporality":"cumulative"}'),
        (0.5, "request_seconds_count", "counter", None, 10, TOTAL),
        (0.5, "request_seconds_created", "gauge", None, 1.7416e9, "{}"),
        (0.5, "request_seconds_sum", "counter", "seconds", 1.5, TOTAL),
        (0.5, "sent_bytes_total", "counter", "bytes", 7, '{"path":"/a","temporality":"cumulative"}'),
        (15, "sent_bytes_total", "counter", None, 9, '{"path":"/a","temporality":"cumulative"}'),
    ]
    assert rejected(found) == [(23, NO_TIME)]
    assert found.states == {"a.openmetrics": "read"}


def test_openmetrics_without_its_end_was_cut_off(tmp_path: Path) -> None:
    cut = OPENMETRICS[: OPENMETRICS.index(b"# TYPE build")]
    found = read_metrics(tmp_path, {"a.openmetrics": cut})
    assert len(found.rows) == 6
    assert found.states == {"a.openmetrics": "cut_off"}
    assert rejected(found) == [(11, "does not end with # EOF, so that the end may be missing; the lines are loaded")]


@pytest.mark.parametrize("is_openmetrics", [False, True])
def test_what_prometheus_client_writes(tmp_path: Path, *, is_openmetrics: bool) -> None:
    """Each of its samples comes back, with name, labels and value."""
    registry = CollectorRegistry()
    Counter("jobs", "Jobs.", ["kind"], registry=registry).labels('a "b"\n\\c').inc(3)
    Gauge("depth", "Depth.", registry=registry).set(-2.5)
    Histogram("wait_seconds", "Wait.", registry=registry, buckets=(0.1, 1)).observe(0.5)
    Summary("size", "Size.", registry=registry).observe(7)
    Info("build", "Build.", registry=registry).info({"version": "1"})
    text = (generate_openmetrics if is_openmetrics else generate_latest)(registry)
    expected = {
        (
            sample.name,
            json.dumps(dict(sample.labels), sort_keys=True),
            float(sample.value),
        )
        for metric in registry.collect()
        for sample in metric.samples
    }
    found = read_metrics(tmp_path, {f"{NAMED}.{'openmetrics' if is_openmetrics else 'prom'}": text})
    got = set()
    for row in found.rows:
        labels = json.loads(row["labels"])
        is_total = row["name"].endswith(("_total", "_count", "_sum", "_bucket"))
        assert (row["type"], labels.pop("temporality", None)) == (
            ("counter", "cumulative") if is_total else ("gauge", None)
        )
        got.add((row["name"], json.dumps(labels, sort_keys=True), row["value"]))
    assert (got, found.rejected) == (expected, [])
    assert len(found.rows) == len(expected) > 12
    if not is_openmetrics:
        assert len(expected) == sum(len(metric.samples) for metric in text_string_to_metric_families(text.decode()))


BAD_PROMETHEUS = [
    ("x", "expected a value, and perhaps a time, behind name and labels"),
    ('x{a="b"', "expected a value, and perhaps a time, behind name and labels"),
    ('x{a="b} 5', "the line is no Prometheus text: "),
    ('x{a="b",a="c"} 5', "the line is no Prometheus text: Invalid labels"),
    ("x{a=b} 5", "the line is no Prometheus text: Invalid labels"),
    ("1x 5", "the line is no Prometheus text: invalid metric name"),
    ("x five", "value: expected a number, got five"),
    ("x 1_000", "value: expected a number, got 1_000"),
    ("x 1 2 3", "expected a value, and perhaps a time, behind name and labels"),
    ("x 1 soon", "recorded_at: expected a time as a number since 1970, got soon"),
    ("x 1 1e99", "recorded_at: expected a time as a number since 1970, got 1e99"),
    ("x 1e300 1741608000000", "value_not_too_large: expected "),
    ("# TYPE x", "the line has no type behind the name"),
    ('# TYPE "x counter', "the line is no metadata: expected # TYPE, # UNIT or # HELP, a name and a text"),
    ("\xe9", "the line is no valid UTF-8 at byte 0"),
    ('x{temporality="delta"} 1', None),
]


def test_bad_lines_of_an_exposition(tmp_path: Path) -> None:
    """Each is rejected with its line; those around it are loaded."""
    lines = [line for pair in BAD_PROMETHEUS for line in ("good 1", pair[0])]
    lines += [
        "# TYPE odd countre",
        "odd_total 1",
        "# TYPE t counter",
        't{temporality="delta"} 1',
        "# TYPE none counter",
        "none -1",
    ]
    found = read_metrics(tmp_path, {f"{NAMED}.prom": "\n".join(lines).encode("latin-1")})
    assert [row["name"] for row in found.rows] == ["good"] * 16 + ["x"]
    reasons = dict(rejected(found))
    for number, (_, reason) in enumerate(BAD_PROMETHEUS):
        assert reasons.pop(2 * number + 2, "-").startswith(reason or "-"), BAD_PROMETHEUS[number]
    assert [reason.partition(":")[0] for reason in reasons.values()] == [
        "type_known", "has a label temporality of its own, which says whether a counter is cumulative; rename it", "counter_not_negative",
    ]  # fmt: skip


def attribute(key: str, **value: Any) -> dict[str, Any]:
    return {"key": key, "value": value}


def document(*metrics: dict[str, Any], scope: dict[str, Any] | None = None) -> dict[str, Any]:
    resource = {"attributes": [attribute("service.name", stringValue="shop"), attribute("a", stringValue="resource")]}
    return {
        "resourceMetrics": [{"resource": resource, "scopeMetrics": [{"scope": scope or {}, "metrics": list(metrics)}]}]
    }


TIME = {"timeUnixNano": str(NOON * 10**9 + 1_500_000_999)}
LABELS = {"a": "resource", "service.name": "shop"}


def with_labels(**more: str) -> str:
    return json.dumps({**LABELS, **more}, sort_keys=True, separators=(",", ":"))


METRICS: list[dict[str, Any]] = [
    {"name": "calls", "unit": "1", "sum": {"aggregationTemporality": 1, "isMonotonic": True, "dataPoints": [
        {**TIME, "asInt": "900000000000001", "attributes": [attribute("a", stringValue="point"), attribute("n", intValue="5")]}]}},
    {"name": "bytes", "unit": "By", "sum": {"aggregationTemporality": "AGGREGATION_TEMPORALITY_CUMULATIVE", "isMonotonic": True, "dataPoints": [
        {"timeUnixNano": NOON * 10**9, "asDouble": 5}]}},
    {"name": "open", "sum": {"aggregationTemporality": 2, "dataPoints": [{**TIME, "asInt": -3}]}},
    {"name": "load", "gauge": {"dataPoints": [
        {**TIME, "asDouble": 0.1 + 0.2, "attributes": [
            attribute("b", boolValue=True), attribute("l", arrayValue={"values": [{"stringValue": "x"}, {"intValue": 1}]}),
            attribute("m", kvlistValue={"values": [attribute("k", doubleValue=1.5)]}), attribute("none")]},
        {**TIME, "flags": 1}]}},
    {"name": "wait", "unit": "s", "histogram": {"aggregationTemporality": 2, "dataPoints": [
        {**TIME, "count": "6", "sum": 7.5, "min": 0.5, "max": 3, "bucketCounts": ["1", "2", "3"], "explicitBounds": [0.5, 1.0]},
        {**TIME, "count": 3, "bucketCounts": [1, 1, 1], "explicitBounds": [1]}]}},
    {"name": "size", "exponentialHistogram": {"aggregationTemporality": 1, "dataPoints": [
        {**TIME, "count": 10, "scale": 0, "zeroCount": 1, "positive": {"offset": 1, "bucketCounts": [2, 3]},
         "negative": {"offset": -1, "bucketCounts": ["4"]}}]}},
    {"name": "rpc", "unit": "ms", "summary": {"dataPoints": [
        {**TIME, "count": 2, "sum": 30, "quantileValues": [{"quantile": 0.5, "value": 10}, {"quantile": 1, "value": 20.5}]}]}},
]  # fmt: skip


@pytest.mark.parametrize("indent", [None, 2])
def test_otlp(tmp_path: Path, indent: int | None) -> None:
    """One document a line, as a collector writes them, and documents over many lines."""
    text = "\n".join(json.dumps(document(metric), indent=indent) for metric in METRICS)
    found = read_metrics(tmp_path, {"a.otlp.json": text.encode()})
    total = {"temporality": "cumulative"}
    assert samples(found) == [
        (0, "bytes", "counter", "By", 5, with_labels(**total)),
        (1.5, "calls", "counter", "1", 900000000000001, with_labels(a="point", n="5")),
        (1.5, "load", "gauge", None, 0.30000000000000004, with_labels(b="true", l='["x", 1]', m='{"k": 1.5}', none="")),
        (1.5, "open", "gauge", None, -3, with_labels()),
        (1.5, "rpc", "gauge", "ms", 10, with_labels(quantile="0.5")),
        (1.5, "rpc", "gauge", "ms", 20.5, with_labels(quantile="1")),
        (1.5, "rpc_count", "counter", None, 2, with_labels(**total)),
        (1.5, "rpc_sum", "counter", "ms", 30, with_labels(**total)),
        (1.5, "size_bucket", "counter", None, 10, with_labels(le="+Inf")),
        (1.5, "size_bucket", "counter", None, 4, with_labels(le="-0.5")),
        (1.5, "size_bucket", "counter", None, 5, with_labels(le="0")),
        (1.5, "size_bucket", "counter", None, 7, with_labels(le="4")),
        (1.5, "size_bucket", "counter", None, 10, with_labels(le="8")),
        (1.5, "size_count", "counter", None, 10, with_labels()),
        (1.5, "wait_bucket", "counter", None, 6, with_labels(le="+Inf", **total)),
        (1.5, "wait_bucket", "counter", None, 1, with_labels(le="0.5", **total)),
        (1.5, "wait_bucket", "counter", None, 3, with_labels(le="1", **total)),
        (1.5, "wait_count", "counter", None, 6, with_labels(**total)),
        (1.5, "wait_max", "gauge", "s", 3, with_labels()),
        (1.5, "wait_min", "gauge", "s", 0.5, with_labels()),
        (1.5, "wait_sum", "counter", "s", 7.5, with_labels(**total)),
    ]
    # The histogram in the examples of OTLP itself has one count too many.
    [(_, reason)] = rejected(found)
    assert reason == "wait: bucketCounts: expected 2, one more than bounds, got 3"
    assert found.reports[0].others == 1  # a series that has ended


BAD_OTLP: list[tuple[Any, str]] = [
    ("{", "the document does not end"),
    ("no JSON", "the document is no JSON"),
    ([1], "is no OTLP document of metrics: expected an object with resourceMetrics"),
    ({"resourceLogs": []}, "is no OTLP document of metrics: expected an object with resourceMetrics"),
    ({"resourceMetrics": 5}, "resourceMetrics: expected a list of objects"),
    ({"resourceMetrics": [{"instrumentationLibraryMetrics": []}]}, "expected scopeMetrics beside the resource"),
    ({"resourceMetrics": [{"scopeMetrics": [{"metrics": {}, "scope": []}, {"metrics": 5}]}]}, "metrics: expected a list of objects"),
    (document({"name": "m"}), "m: expected one of gauge, sum, histogram, exponentialHistogram, summary"),
    (document({"name": 5, "gauge": {}}), "name: expected text, got 5"),
    (document({"name": "\ud800", "gauge": {}}), "name: expected text, got "),
    (document({"name": "m", "gauge": {"dataPoints": [{**TIME}]}}), "m: expected a value, asInt or asDouble"),
    (document({"name": "m", "gauge": {"dataPoints": [{**TIME, "asInt": "x"}]}}), 'm: asInt: expected a whole number, got "x"'),
    (document({"name": "m", "gauge": {"dataPoints": [{**TIME, "asDouble": {}}]}}), "m: value: expected a number, got {}"),
    (document({"name": "m", "gauge": {"dataPoints": [{**TIME, "asDouble": "Infinity"}]}}), "value: expected a number, got Infinity"),
    (document({"name": "m", "gauge": {"dataPoints": [{"asInt": 1}]}}), f"m: {NO_TIME}"),
    (document({"name": "m", "gauge": {"dataPoints": [{"asInt": 1, "timeUnixNano": "noon"}]}}), "m: recorded_at: expected a time"),
    (document({"name": "m", "gauge": {"dataPoints": [{**TIME, "asInt": 1, "attributes": [{"key": "k", "value": 5}]}]}}), "m: attributes: expected values"),
    (document({"name": "m", "gauge": {"dataPoints": [{**TIME, "asInt": 1, "attributes": [attribute("k", stringValue="\0")]}]}}), "m: labels: hold a NUL byte"),
    (document({"name": "m", "gauge": {"dataPoints": [{**TIME, "asInt": 1, "attributes": [attribute("k", stringValue="\ud800")]}]}}), "m: labels: hold half of a surrogate pair"),
    (document({"name": "m", "sum": {"dataPoints": [{**TIME, "asInt": 1}]}}), "m: aggregationTemporality: expected 1 (delta) or 2 (cumulative)"),
    (document({"name": "m", "sum": {"aggregationTemporality": 1, "dataPoints": [{**TIME, "asInt": 1}]}}), "m: is a sum of changes that may be negative"),
    (document({"name": "", "gauge": {"dataPoints": [{**TIME, "asInt": 1}]}}), "name: is missing"),
]  # fmt: skip


def test_bad_otlp(tmp_path: Path) -> None:
    """What cannot be read is rejected with the line its document begins in; documents around it are loaded."""
    good = document({"name": "good", "gauge": {"dataPoints": [{**TIME, "asInt": 1}]}})
    texts = [text if isinstance(text, str) else json.dumps(text) for bad, _ in BAD_OTLP for text in (bad, good)]
    found = read_metrics(tmp_path, {"a.otlp.jsonl": "\n".join(texts).encode()})
    assert [row["name"] for row in found.rows] == ["good"] * len(BAD_OTLP)
    lines = dict(rejected(found))
    assert set(lines) == {2 * number + 1 for number in range(len(BAD_OTLP))}
    for number, (bad, reason) in enumerate(BAD_OTLP):
        assert lines[2 * number + 1].startswith(reason), (bad, lines[2 * number + 1])


def test_otlp_scopes_and_long_documents(tmp_path: Path) -> None:
    """Scopes tell series apart; a line may be longer than one of other formats, but not by any length."""
    scope = {"name": "lib", "version": "2", "attributes": [attribute("x", stringValue="y")]}
    points = [{**TIME, "asInt": n, "attributes": [attribute("n", intValue=n)]} for n in range(20_000)]
    long = document({"name": "m", "gauge": {"dataPoints": points}}, scope=scope)
    whole = document({"name": "m", "gauge": {"dataPoints": [{**TIME, "asInt": 1}]}})
    texts = [json.dumps(long), '{"resourceMetrics": "' + "x" * (9 << 20) + '"}', json.dumps(whole)]
    assert len(texts[0]) > 2 << 20
    found = read_metrics(tmp_path, {"a.otlp.jsonl": "\n".join(texts).encode()})
    assert len(found.rows) == 20_001
    assert {row["value"] for row in found.rows} == set(range(20_000))
    assert with_labels(n="7", otel_scope_name="lib", otel_scope_version="2", otel_scope_x="y") in {
        row["labels"] for row in found.rows
    }
    assert rejected(found) == [(2, "the line is longer than 8,388,608 bytes")]


STATSD: list[tuple[str, list[tuple[Any, ...]] | str]] = [
    # line, its samples or the reason of its rejection
    ("gorets:1|c", [(0, "gorets", "counter", None, 1, "{}")]),
    ("gorets:3|c|@0.1", [(0, "gorets", "counter", None, 30, "{}")]),
    ("glork:320|ms|@0.5", [(0, "glork", "histogram", "ms", 320, '{"sample_rate":"0.5"}')]),
    ("gaugor:333|g|@1", [(0, "gaugor", "gauge", None, 333, "{}")]),
    ("song.length:240.5:-1|h|#country:cn,live|T1741608007", [
        (7, "song.length", "histogram", None, 240.5, '{"country":"cn","live":""}'),
        (7, "song.length", "histogram", None, -1, '{"country":"cn","live":""}')]),
    ("a.b:1|d|#url:http://x,tenant_id:acme|c:83c0|e:it|card:low", [(0, "a.b", "histogram", None, 1, '{"container_id":"83c0","url":"http://x"}')]),
    ("total:5|c|#temporality:cumulative", [(0, "total", "counter", None, 5, TOTAL)]),
    ("uniques:765|s", "is a set, which counts different texts and has no value; count them before"),
    ("gaugor:+4|g", "value: with a sign a gauge changes by it, and the value before is not in the line"),
    ("gaugor:-10|g", "value: with a sign a gauge changes by it, and the value before is not in the line"),
    ("_e{5,4}:title|text", "is an event or a service check of DogStatsD, which is no sample of a metric"),
    ("_sc|name|0", "is an event or a service check of DogStatsD, which is no sample of a metric"),
    ("gorets", "the line is no StatsD: expected name:value|type"),
    ("gorets:1", "the line is no StatsD: expected name:value|type"),
    ("users,country=cn:1|c", "the name has a blank, or tags in it, which are read behind |# only"),
    ("gorets:1|kv", "type: expected c, g, ms, h, d, got kv"),
    ("gorets:1|c|2", "the line is no StatsD: expected @rate, #tags or T and a time behind the type"),
    ("gorets:1|c|@0", "sample rate: expected a number above 0 and at most 1, got 0"),
    ("gorets:1|c|@1.5", "sample rate: expected a number above 0 and at most 1, got 1.5"),
    ("gorets:one|c", "value: expected a number, got one"),
    ("gorets:inf|c", "value: expected a number, got inf"),
    ("gorets:1|c|#a:1,a:2", "the tag a has several values"),
    ("gorets:1|c|Tsoon", "recorded_at: expected a time as a number since 1970, got soon"),
    ("gorets:-1|c", "counter_not_negative: expected "),
]  # fmt: skip


def test_statsd(tmp_path: Path) -> None:
    found = read_metrics(tmp_path, {f"{NAMED}.statsd": "\n".join(line for line, _ in STATSD).encode()})
    expected = [sample for _, outcome in STATSD if isinstance(outcome, list) for sample in outcome]
    assert sorted(samples(found), key=str) == sorted(expected, key=str)
    reasons = dict(rejected(found))
    for number, (line, outcome) in enumerate(STATSD, 1):
        if isinstance(outcome, str):
            assert reasons.pop(number).startswith(outcome), line
    assert reasons == {}
    [tagged] = [row for row in found.rows if row["name"] == "a.b"]
    assert tagged["tenant_id"] == "acme"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("2025-03-10T12-00-00Z.statsd", [NOON]), ("web1_20250310T120000Z_0.statsd", [NOON]),
        ("2025-03-10T12:00:00Z.statsd", [NOON]), ("2025-03-10.statsd", []), ("2025-03-10T99-00-00Z.statsd", []),
        ("1741608000.statsd", []),
    ],
)  # fmt: skip
def test_the_time_in_a_files_name(tmp_path: Path, name: str, expected: list[int]) -> None:
    found = read_metrics(tmp_path, {name: b"a:1|c"})
    assert [row["recorded_at"].timestamp() for row in found.rows] == expected
    assert rejected(found) == ([] if expected else [(1, NO_TIME)])


def test_compressed_files_and_files_read_again(tmp_path: Path) -> None:
    """The same samples with the same ids, whatever the compression."""
    files = {"a.prom": PROMETHEUS, "b.openmetrics": OPENMETRICS, "c.statsd": b"a:1:1|c|T1741608000", "d.otlp.json": json.dumps(document(*METRICS)).encode()}  # fmt: skip
    plain = read_metrics(tmp_path / "plain", files)
    assert len({row["event_id"] for row in plain.rows}) == len(plain.rows) > 30
    packed = {f"{name}.gz": gzip.compress(text) for name, text in files.items()}
    packed |= {f"{name}.zst": zstandard.compress(text) for name, text in files.items()}
    found = read_metrics(tmp_path / "packed", packed)
    assert sorted(row["event_id"] for row in found.rows) == sorted(2 * [row["event_id"] for row in plain.rows])
    assert len(found.rejected) == 2 * len(plain.rejected) > 0


def test_a_file_beside_the_folder_of_a_mapping(tmp_path: Path) -> None:
    found = read(tmp_path, {"a.prom": PROMETHEUS}, table=SAMPLES)
    [(_, reason)] = [(row.line, row.reason) for _, row in found.rejected]
    assert reason.startswith(
        "the columns ['category', 'event_id'] are missing; the file has ['labels', 'name', 'position'"
    )


pieces = st.sampled_from([
    "x", "{", "}", '"', "=", ",", " ", "\\", "# TYPE ", "# EOF", "counter", "1", "1741608000", ":", "|", "c", "g", "@", "#", "T", "\n",
    '{"resourceMetrics":[', '{"scopeMetrics":[', '{"metrics":[', '{"name":"m","gauge":{"dataPoints":[', '{"asInt":1}', "]", "]}", "null", "\0", "é",
])  # fmt: skip


@examples(max_examples=40)
@given(text=st.lists(pieces, max_size=40).map("".join))
def test_rubbish_is_loaded_or_rejected_line_by_line(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    files = {f"{NAMED}.{ending}": text.encode() for ending in ("prom", "openmetrics", "statsd", "otlp.json")}
    found = read_metrics(tmp_path_factory.mktemp("rubbish"), files)
    comes = {name: set() for name in files}  # type: dict[str, set[int | None]]
    for name, row in found.rejected:
        comes[name].add(row.line)
    for report in found.reports:
        name = report.file.path.rsplit("/", 1)[1]
        lines = [line for line in text.split("\n") if line.strip() and not line.strip().startswith("#")]
        if not name.endswith("json"):
            assert report.valid.total() + report.others + len(comes[name]) >= len(lines)
        assert report.state.state in ("read", "cut_off")
        assert report.state.state == "read" or name.endswith("openmetrics")


@pytest.mark.parametrize("ending", ["prom", "openmetrics", "statsd", "otlp.jsonl"])
def test_a_long_file_is_read_bit_by_bit(tmp_path: Path, ending: str) -> None:
    """Also when it is one family, which prometheus_client would hold in memory."""
    zone = "z" * 800
    exposed = "".join(f'requests_total{{path="/{n % 200}",zone="{zone}"}} {n} {NOON}\n' for n in range(12_000))
    points = [{**TIME, "asInt": n, "attributes": [attribute("zone", stringValue=zone)]} for n in range(60)]
    texts = {
        "prom": "# TYPE requests_total counter\n" + exposed, "openmetrics": "# TYPE requests counter\n" + exposed + "# EOF",
        "statsd": f"requests:1|c|#zone:{zone}|T{NOON}\n" * 12_000,
        "otlp.jsonl": f"{json.dumps(document({'name': 'm', 'gauge': {'dataPoints': points}}))}\n" * 200,
    }  # fmt: skip
    (tmp_path / "metric_samples").mkdir()
    (tmp_path / "metric_samples" / f"a.{ending}").write_text(texts[ending], encoding="ascii")
    [file] = list_files(tmp_path, "metric_samples", frozenset())
    assert file.size_bytes > 9_000_000
    del texts, exposed
    state = FileState()
    tracemalloc.start()
    assert sum(1 for _ in samples_of(file, state)) == 12_000
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 7_000_000
    assert (state.state, list(state.rejected.take())) == ("read", [])


def test_the_books_of_a_load(settings: Settings, database: Database) -> None:
    """Samples of all formats in one load are in the ledger, each file with what was loaded, rejected and left out."""
    files = {f"{NAMED}.prom": PROMETHEUS, "b.openmetrics": OPENMETRICS, "c.statsd": b"a:1|c|T1741608000\na:1|c", "d.otlp.json": json.dumps(document(*METRICS)).encode()}  # fmt: skip
    for name, text in files.items():
        write_raw(settings, f"metric_samples/telemetry/{name}", text)
    load(database, SAMPLES)
    assert_books_balance(settings)
    names = ("valid", "rejected", "not_for_table")
    assert {path.rsplit("/", 1)[1]: tuple(file[f"rows_{name}"] for name in names) for path, file in ledger(settings.database_url).items()} == {
        f"{NAMED}.prom": (12, 1, 1), "b.openmetrics": (12, 1, 0), "c.statsd": (1, 1, 0), "d.otlp.json": (21, 1, 1),
    }  # fmt: skip
