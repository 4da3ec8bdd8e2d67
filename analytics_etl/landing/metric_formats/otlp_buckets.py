"""Buckets of OTLP histograms as Prometheus counts them: each with all observations up to its upper bound."""

from collections.abc import Iterator
from typing import Any

from analytics_etl.landing.metric_formats.otlp_values import Json, numbers, object_of, whole
from analytics_etl.landing.metric_formats.samples import SampleError, number

_EXACT = 1 << 53


def buckets_of(point: Json, *, is_exponential: bool) -> Iterator[tuple[str, int]]:
    """(upper bound as text, observations up to it), from the lowest bound to +Inf; none of a point without buckets."""
    counted = 0
    for bound, count in _exponential(point) if is_exponential else _explicit(point):
        if count < 0:
            raise SampleError(f"bucketCounts: expected counts of observations, got {count}")
        counted += count
        if bound is not None:
            yield bound, counted
    if is_exponential or "bucketCounts" in point:
        yield "+Inf", counted


def _explicit(point: Json) -> Iterator[tuple[str | None, int]]:
    """(upper bound, observations in the bucket); the last bucket has no bound."""
    counts = [whole(count, "bucketCounts") for count in numbers(point, "bucketCounts")]
    bounds = [_bound(float(number(str(bound)))) for bound in numbers(point, "explicitBounds")]
    if counts and len(counts) != len(bounds) + 1:
        raise SampleError(f"bucketCounts: expected {len(bounds) + 1}, one more than bounds, got {len(counts)}")
    return zip([*bounds, None], counts, strict=False)


def _exponential(point: Json) -> Iterator[tuple[str | None, int]]:
    """The same; bucket i has the values above base^i up to base^(i + 1), where base = 2^(2^-scale)."""
    scale = whole(point.get("scale"), "scale")
    first, counts = _side(point, "negative")
    for index in reversed(range(len(counts))):
        yield _power(scale, first + index, -1), counts[index]
    yield _bound(float(number(str(point.get("zeroThreshold") or 0)))), whole(point.get("zeroCount"), "zeroCount")
    first, counts = _side(point, "positive")
    for index, count in enumerate(counts, 1):
        yield _power(scale, first + index, 1), count


def _side(point: Json, key: str) -> tuple[int, list[int]]:
    """Index of the first bucket, and the counts, of the positive or negative values."""
    side: dict[str, Any] = object_of(point, key)
    return whole(side.get("offset"), "offset"), [whole(n, "bucketCounts") for n in numbers(side, "bucketCounts")]


def _power(scale: int, index: int, sign: int) -> str | None:
    """A bound of an exponential histogram; None beyond the largest number."""
    try:
        return _bound(sign * 2.0 ** (index * 2.0**-scale))
    except OverflowError:
        return None


def _bound(value: float) -> str:
    """A bound as text, one text for one number: 1 and not 1.0."""
    return str(int(value)) if value.is_integer() and abs(value) < _EXACT else repr(value)
