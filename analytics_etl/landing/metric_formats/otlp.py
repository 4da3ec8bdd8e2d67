"""OTLP metrics as JSON: documents with resourceMetrics, one a line or written over several lines.

Labels are the attributes of the resource and of the point, which counts where both have a name, and name, version and
attributes of the scope behind otel_scope_. A sum that only grows is a counter, another cumulative one a gauge. Buckets
of histograms become counters with the label le, which count all observations up to it, as in Prometheus; count and sum
are counters, least and largest value gauges. Exemplars are not kept.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

from analytics_etl.landing.csv_records import Record
from analytics_etl.landing.lines import Lines
from analytics_etl.landing.metric_formats.otlp_buckets import buckets_of
from analytics_etl.landing.metric_formats.otlp_values import (
    Json,
    attributes,
    needed,
    object_of,
    objects,
    shown,
    text_of,
    whole,
)
from analytics_etl.landing.metric_formats.samples import NO_TIME, SampleError, labels_text, moment, number

LONGEST_DOCUMENT = 8 << 20
"""Bytes of a document. A collector writes up to 8,192 points in one line, which may be a few megabytes."""
_LONGEST_CONTENT = 1_000
"""Characters kept of a point: each of its samples has them."""

_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_NO_VALUE = 1
"""Flag of a point which says that its series has no value any more."""
_IS_CUMULATIVE = {
    1: False, "AGGREGATION_TEMPORALITY_DELTA": False, 2: True, "AGGREGATION_TEMPORALITY_CUMULATIVE": True,
}  # fmt: skip
_KINDS = ("gauge", "sum", "histogram", "exponentialHistogram", "summary")

_Series = tuple[str, str, bool, str, dict[str, str], str]
"""Ending of the name, type, whether cumulative, unit, labels beside those of the point, and value."""


def records(lines: Lines, named: str | None) -> Iterator[Record]:
    """The samples of a file; `named` is the time in its name, for points without one."""
    for line, text, found in _documents(lines):
        document = found if isinstance(found, dict) else {}
        position = 0
        try:
            groups = objects(document, "resourceMetrics")
        except SampleError as error:
            lines.reject(line, str(error), text)
            continue
        if not groups:
            lines.reject(line, "is no OTLP document of metrics: expected an object with resourceMetrics", text)
        for name, unit, kind, body, point, shared in _points(lines, line, groups):
            content = shown({"name": name, **point})[:_LONGEST_CONTENT]
            try:
                samples = _samples(name, unit, kind, body, point, shared, named)
            except (SampleError, RecursionError) as error:
                lines.reject(line, f"{name}: {error}", content)
                continue
            for sample in samples:
                position += 1
                yield line, [str(position), *sample], content


def _documents(lines: Lines) -> Iterator[tuple[int, str, Any]]:
    """(first line, text, value) of each document; it ends with its last brace. What is no JSON is rejected.

    An unindented brace begins the next document, so that one which was cut off takes no other with it.
    """
    first, size, depth = 0, 0, 0
    parts: list[str] = []
    for line, text in lines.numbered():
        if text is None:
            continue
        if parts and (text.startswith("{") or size > LONGEST_DOCUMENT):
            why = "the document does not end" if size <= LONGEST_DOCUMENT else "the document is longer than 8 MiB"
            lines.reject(first, why, "".join(parts))
            parts, size, depth = [], 0, 0
        if not parts:
            if not text.strip():
                continue
            try:
                yield line, text, json.loads(text)
                continue
            except (ValueError, RecursionError):
                first = line
        parts.append(text)
        size += len(text)
        braces = _STRING.sub("", text)
        depth += braces.count("{") - braces.count("}")
        if depth <= 0:
            whole_text = "".join(parts)
            try:
                yield first, whole_text, json.loads(whole_text)
            except (ValueError, RecursionError):
                lines.reject(first, "the document is no JSON", whole_text)
            parts, size, depth = [], 0, 0
    if parts:
        lines.reject(first, "the document does not end", "".join(parts))


_Point = tuple[str, str, str, Json, Json, dict[str, str]]
"""Name, unit and kind of a metric, what it says of all its points, a point, and the labels of resource and scope."""


def _points(lines: Lines, line: int, groups: list[Json]) -> Iterator[_Point]:
    """The points of a document; rejects resources, scopes and metrics that cannot be read."""
    for group in groups:
        try:
            resource = attributes(object_of(group, "resource"))
            scopes = needed(objects(group, "scopeMetrics"), "expected scopeMetrics beside the resource")
        except (SampleError, RecursionError) as error:
            lines.reject(line, str(error), shown(group))
            continue
        for scope in scopes:
            try:
                labels = resource | _scope_labels(object_of(scope, "scope"))
                metrics = objects(scope, "metrics")
            except (SampleError, RecursionError) as error:
                lines.reject(line, str(error), shown(scope))
                continue
            for metric in metrics:
                try:
                    name, unit = text_of(metric, "name"), text_of(metric, "unit")
                    kinds = [kind for kind in _KINDS if kind in metric]
                    kind = needed(kinds, f"{name}: expected one of {', '.join(_KINDS)}")[0]
                    body = object_of(metric, kind)
                    points = objects(body, "dataPoints")
                except SampleError as error:
                    lines.reject(line, str(error), shown(metric))
                    continue
                for point in points:
                    yield name, unit, kind, body, point, labels


def _scope_labels(scope: Json) -> dict[str, str]:
    """Labels that tell series of one scope from those of another, as OTLP for Prometheus names them."""
    named = {f"otel_scope_{key}": text_of(scope, key) for key in ("name", "version")}
    return {key: value for key, value in named.items() if value} | attributes(scope, "otel_scope_")


def _samples(
    name: str, unit: str, kind: str, body: Json, point: Json, shared: dict[str, str], named: str | None
) -> list[list[str]]:
    """The fields of each sample of a point, in the order of COLUMNS without the position."""
    nanoseconds = point.get("timeUnixNano")
    recorded_at = moment(str(nanoseconds), 9) if nanoseconds not in (None, 0, "0", "") else named
    if recorded_at is None:
        raise SampleError(NO_TIME)
    labels = shared | attributes(point)
    if whole(point.get("flags"), "flags") & _NO_VALUE:
        series: Iterator[_Series] = iter([("", "gauge", False, unit, {}, "NaN")])
    elif kind in ("gauge", "sum"):
        series = iter([_single(kind, unit, body, point)])
    elif kind == "summary":
        series = _summary(unit, point)
    else:
        series = _histogram(kind, unit, body, point)
    return [
        [recorded_at, name + ending, of_type, of_unit, value, labels_text(labels | more, is_cumulative=is_cumulative)]
        for ending, of_type, is_cumulative, of_unit, more, value in series
    ]


def _single(kind: str, unit: str, body: Json, point: Json) -> _Series:
    if "asInt" in point:
        value = str(whole(point["asInt"], "asInt"))
    elif "asDouble" in point:
        value = number(str(point["asDouble"]))
    else:
        raise SampleError("expected a value, asInt or asDouble")
    if kind == "gauge":
        return "", "gauge", False, unit, {}, value
    is_cumulative = _temporality(body)
    if body.get("isMonotonic") is True:
        return "", "counter", is_cumulative, unit, {}, value
    if not is_cumulative:
        raise SampleError("is a sum of changes that may be negative, neither a counter nor a gauge; send it cumulative")
    return "", "gauge", False, unit, {}, value


def _histogram(kind: str, unit: str, body: Json, point: Json) -> Iterator[_Series]:
    is_cumulative = _temporality(body)
    yield "_count", "counter", is_cumulative, "", {}, str(whole(point.get("count"), "count"))
    if point.get("sum") is not None:
        yield "_sum", "counter", is_cumulative, unit, {}, number(str(point["sum"]))
    for key in ("min", "max"):
        if point.get(key) is not None:
            yield f"_{key}", "gauge", False, unit, {}, number(str(point[key]))
    for bound, count in buckets_of(point, is_exponential=kind == "exponentialHistogram"):
        yield "_bucket", "counter", is_cumulative, "", {"le": bound}, str(count)


def _summary(unit: str, point: Json) -> Iterator[_Series]:
    yield "_count", "counter", True, "", {}, str(whole(point.get("count"), "count"))
    yield "_sum", "counter", True, unit, {}, number(str(point.get("sum") or 0))
    for item in objects(point, "quantileValues"):
        quantile = number(str(item.get("quantile") or 0))
        yield "", "gauge", False, unit, {"quantile": quantile}, number(str(item.get("value") or 0))


def _temporality(body: Json) -> bool:
    """Whether values are totals since some start."""
    found = body.get("aggregationTemporality")
    if not isinstance(found, int | str) or found not in _IS_CUMULATIVE:
        raise SampleError("aggregationTemporality: expected 1 (delta) or 2 (cumulative)")
    return _IS_CUMULATIVE[found]
