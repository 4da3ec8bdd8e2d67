"""Labelled series to measure detectors with: shapes as services and machines have them, and anomalies of eight kinds.

All of it is drawn from a seed. Parameters of the detector were chosen on seed 1; figures are reported of other seeds.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike

from analytics_etl.signals.series import DAY, HOUR, MINUTE, Floats, Integers, Series, SeriesKey

START = 1_735_689_600 * 1_000_000
"""2025-01-01, a Wednesday."""
KINDS = ("level", "spike", "dip", "drift", "season", "variance", "flat", "missing")
SATURDAY, HALF_A_SHIFT, LEAST_WRITTEN = 5, 4.5, 1e4
SHARE_OF_WINDOWS = 0.1
"""Of a series: what the windows of its anomalies take together, as in the benchmark of Lavin and Ahmad."""


@dataclass(frozen=True)
class Label:
    """An anomaly: its kind, and the positions from `first` up to `end` where a detection of it counts."""

    kind: str
    at: int
    first: int
    end: int


@dataclass(frozen=True)
class Labelled:
    """A series with its anomalies."""

    shape: str
    series: Series
    labels: tuple[Label, ...]


def floats(numbers: ArrayLike) -> Floats:
    return np.asarray(numbers, np.float64)


def hours_of(times: Integers) -> Floats:
    return floats((times % DAY) / HOUR)


def is_weekend(times: Integers) -> Floats:
    return floats(((times // DAY + 3) % 7 >= SATURDAY).astype(np.float64))


def hump(times: Integers, peak: float, width: float) -> Floats:
    """One rise a day, 0 to 1."""
    away = np.abs((hours_of(times) - peak + 12) % 24 - 12)
    return floats(np.exp(-0.5 * (away / width) ** 2))


def wandering(draw: Generator, number: int, memory: float) -> Floats:
    """An AR(1) process of variance 1."""
    steps = draw.normal(size=number) * np.sqrt(1 - memory**2)
    value, values = draw.normal(), np.empty(number)
    for at in range(number):
        value = memory * value + steps[at]
        values[at] = value
    return values


def bursts(draw: Generator, number: int, rate: float, length: float, size: float) -> Floats:
    """Ordinary bursts that decay, of heavy-tailed size."""
    values = np.zeros(number)
    for at in np.flatnonzero(draw.random(number) < rate):
        span = np.arange(min(number - int(at), int(6 * length) + 1))
        values[at : at + len(span)] += size * draw.lognormal(0, 0.6) * np.exp(-span / length)
    return values


# -- shapes: values that are never below 0 ----------------------------------------------------------------------------


def idle_cpu(draw: Generator, times: Integers) -> Floats:
    level, size = draw.uniform(0.1, 4), draw.uniform(0.02, 0.4)
    values = level + size * draw.standard_t(4, len(times)) + bursts(draw, len(times), 0.004, 1, 3 * size)
    return floats(np.round(np.clip(values, 0, 100), 3))


def busy_cpu(draw: Generator, times: Integers) -> Floats:
    season = draw.uniform(5, 25) * hump(times, draw.uniform(0, 24), draw.uniform(2, 5))
    noise = draw.uniform(1, 5) * wandering(draw, len(times), draw.uniform(0, 0.9))
    return floats(np.clip(draw.uniform(20, 50) + season + noise + draw.normal(size=len(times)), 0, 100))


def cron_cpu(draw: Generator, times: Integers) -> Floats:
    every, length = draw.choice([6, 12, 36, 72]), draw.integers(1, 4)
    is_on = (np.arange(len(times)) + draw.integers(0, 72)) % every < length
    return floats(np.clip(draw.uniform(2, 20) + draw.uniform(10, 60) * is_on + draw.normal(0, 1.5, len(times)), 0, 100))


def network(draw: Generator, times: Integers) -> Floats:
    noise = draw.uniform(0.1, 0.6) * draw.standard_t(5, len(times)) + 0.3 * wandering(draw, len(times), 0.95)
    return floats(
        draw.uniform(1e3, 1e6) * np.exp(np.clip(noise, -6, 3)) * (1 + draw.uniform(0, 1) * hump(times, 14, 4))
    )


def disk(draw: Generator, times: Integers) -> Floats:
    values = bursts(draw, len(times), draw.uniform(0.01, 0.05), draw.uniform(0.5, 3), 1e6)
    return floats(np.where(values < LEAST_WRITTEN, 0.0, values))


def requests(draw: Generator, times: Integers) -> Floats:
    rate: Floats = 0.15 + hump(times, draw.uniform(11, 17), draw.uniform(2.5, 5))
    rate *= 1 - draw.uniform(0, 0.6) * is_weekend(times)
    rate *= np.exp(0.05 * wandering(draw, len(times), 0.97))
    return floats(draw.poisson(draw.choice([5, 50, 500, 5000]) * rate).astype(np.float64))


def growing_requests(draw: Generator, times: Integers) -> Floats:
    growth = np.linspace(1, draw.uniform(1.2, 3), len(times))
    return floats(np.round(requests(draw, times) * growth))


def latency(draw: Generator, times: Integers) -> Floats:
    noise = draw.uniform(0.05, 0.2) * draw.normal(size=len(times)) + 0.1 * wandering(draw, len(times), 0.9)
    return floats(
        draw.uniform(20, 400)
        * np.exp(noise)
        * (1 + 0.4 * hump(times, 15, 4))
        * (1 + bursts(draw, len(times), 0.003, 1.5, 0.4))
    )


def error_ratio(draw: Generator, times: Integers) -> Floats:
    asked = draw.poisson(300 * (0.2 + hump(times, 14, 4))) + 1
    return floats(draw.binomial(asked, draw.uniform(0.002, 0.03)) / asked)


def ad_exchange(draw: Generator, times: Integers) -> Floats:
    noise = draw.uniform(0.1, 0.35) * draw.standard_t(4, len(times))
    season = 1 + draw.uniform(0, 0.8) * hump(times, draw.uniform(0, 24), 5)
    return floats(draw.uniform(0.05, 2) * season * np.exp(np.clip(noise, -3, 1.5)))


def traffic_speed(draw: Generator, times: Integers) -> Floats:
    jam = np.maximum(hump(times, 7.5, 1), hump(times, 17, 1.3)) * (1 - is_weekend(times))
    slow = draw.uniform(5, 35) * jam * np.clip(1 + 0.4 * wandering(draw, len(times), 0.97), 0, 2)
    return floats(np.round(np.clip(draw.uniform(60, 80) - slow + 3 * draw.standard_t(6, len(times)), 3, 100)))


def occupancy(draw: Generator, times: Integers) -> Floats:
    jam = np.maximum(hump(times, 7.5, 1), hump(times, 17, 1.3)) * (1 - 0.7 * is_weekend(times))
    noise = np.exp(0.35 * draw.normal(size=len(times)) + 0.3 * wandering(draw, len(times), 0.9))
    return floats(np.round((2 + draw.uniform(3, 12) * jam + 3 * hump(times, 13, 4)) * noise, 2))


def tweets(draw: Generator, times: Integers) -> Floats:
    rate = draw.choice([3, 15, 60]) * (0.3 + hump(times, 19, 5)) * np.exp(0.3 * wandering(draw, len(times), 0.9))
    rate = rate * (1 + bursts(draw, len(times), 0.002, 4, 1.0))
    return floats(draw.poisson(rate * draw.gamma(3, 1 / 3, len(times))).astype(np.float64))


def temperature(draw: Generator, times: Integers) -> Floats:
    return floats(
        70 + 4 * wandering(draw, len(times), 0.995) + 1.5 * hump(times, 16, 4) + 0.4 * draw.normal(size=len(times))
    )


def taxi(draw: Generator, times: Integers) -> Floats:
    day = 0.25 + hump(times, 19, 4) + 0.7 * hump(times, 9, 2.5) * (1 - 0.6 * is_weekend(times))
    day += 0.5 * hump(times, 0.5, 2) * is_weekend(times)
    noise = 0.04 * wandering(draw, len(times), 0.8) + 0.02 * draw.normal(size=len(times))
    return floats(np.round(15_000 * day * np.exp(noise)))


def clean_days(draw: Generator, times: Integers) -> Floats:
    is_day = np.abs(hours_of(times) - 13.5) <= HALF_A_SHIFT
    return floats(20 + 60 * is_day + draw.uniform(0.5, 8) * draw.random(len(times)))


def downloads(draw: Generator, times: Integers) -> Floats:
    trend = np.exp(np.linspace(0, draw.uniform(-0.5, 1), len(times)) + 0.15 * wandering(draw, len(times), 0.95))
    level = draw.choice([30, 300, 30_000]) * trend * (1 - draw.uniform(0.1, 0.5) * is_weekend(times))
    return floats(draw.poisson(level * draw.gamma(60, 1 / 60, len(times))).astype(np.float64))


def daily_score(draw: Generator, times: Integers) -> Floats:
    return floats(np.round(np.clip(draw.uniform(50, 90) + 2 * wandering(draw, len(times), 0.8), 0, 100), 1))


Shape = Callable[[Generator, Integers], Floats]
SHAPES: dict[str, tuple[Shape, int, int]] = {
    "idle_cpu": (idle_cpu, 5 * MINUTE, 4032),
    "busy_cpu": (busy_cpu, 5 * MINUTE, 4032),
    "cron_cpu": (cron_cpu, 5 * MINUTE, 4032),
    "network": (network, 5 * MINUTE, 4032),
    "disk": (disk, 5 * MINUTE, 4032),
    "requests": (requests, 5 * MINUTE, 6048),
    "requests_1h": (requests, HOUR, 2160),
    "growing_requests": (growing_requests, 30 * MINUTE, 4032),
    "latency": (latency, 5 * MINUTE, 4032),
    "error_ratio": (error_ratio, 5 * MINUTE, 4032),
    "ad_exchange": (ad_exchange, HOUR, 1650),
    "traffic_speed": (traffic_speed, 5 * MINUTE, 2500),
    "occupancy": (occupancy, 5 * MINUTE, 2500),
    "tweets": (tweets, 5 * MINUTE, 15_840),
    "temperature": (temperature, HOUR, 7000),
    "taxi": (taxi, 30 * MINUTE, 10_320),
    "clean_days": (clean_days, 5 * MINUTE, 4032),
    "downloads": (downloads, DAY, 730),
    "daily_score": (daily_score, DAY, 400),
}
"""Name -> how it is drawn, its grain, its length."""


# -- anomalies --------------------------------------------------------------------------------------------------------


def disturb(draw: Generator, kind: str, values: Floats, at: int, day: int) -> None:
    """Put an anomaly of a kind into the values; missing buckets become NaN."""
    near = values[max(0, at - 7 * day) : at]
    low, middle, high = np.quantile(near, [0.01, 0.5, 0.99])
    extent = max(high - low, 0.05 * abs(middle), 1e-3)
    some = int(draw.integers(day // 4 + 2, 2 * day + 3))
    end = min(len(values), at + some)
    match kind:
        case "spike":
            few = int(draw.integers(1, 5))
            values[at : at + few] += extent * draw.uniform(0.5, 3)
        case "dip":
            few = int(draw.integers(2, 12))
            values[at : at + few] = max(0, low - extent * draw.uniform(0.2, 1)) * draw.uniform(0, 1, few)
        case "level":
            values[at:] += extent * draw.uniform(0.5, 1.5) * draw.choice([1, 1, -0.5])
        case "drift":
            rise = np.minimum(1, np.arange(len(values) - at) / some)
            values[at:] += extent * draw.uniform(1, 2) * rise
        case "season":
            part = values[at:end]
            how = draw.integers(3)
            other = values[max(0, at - day // 2) :][: len(part)]
            mean = np.full(len(part), part.mean() if len(part) else 0)
            values[at:end] = [other[: len(part)], mean + 0.3 * (part - mean), np.minimum(part, low + 0.2 * extent)][how]
        case "variance":
            part = values[at:end]
            values[at:end] = part + extent * draw.uniform(0.3, 0.8) * draw.normal(size=len(part))
        case "flat":
            values[at:end] = values[at]
        case "missing":
            values[at:end] = np.nan
    np.maximum(values, 0, out=values)


def make(shape: str, seed: int, number_of_labels: int, number: int = 0) -> Labelled:
    """A series with anomalies of drawn kinds after the first fifth; of its usual number of points if none is given."""
    drawn, grain, usual_number = SHAPES[shape]
    number = number or usual_number
    draw = np.random.default_rng([seed, list(SHAPES).index(shape), number_of_labels])
    times = START + grain * np.arange(number, dtype=np.int64)
    values = np.maximum(drawn(draw, times), 0)
    day = max(1, DAY // grain) if grain < DAY else 7
    length = max(3, int(SHARE_OF_WINDOWS * number / max(1, number_of_labels)))
    labels = []
    borders = np.linspace(0.2 * number, 0.98 * number, number_of_labels + 1).astype(int)
    for first, end in pairwise(borders):
        at = int(draw.integers(first + length // 2, max(first + length // 2 + 1, end - length // 2)))
        kind = str(draw.choice(KINDS))
        disturb(draw, kind, values, at, day)
        labels.append(Label(kind, at, max(0, at - length // 2), min(number, at - length // 2 + length)))
    kept = np.isfinite(values)
    place = np.cumsum(kept) - kept
    moved = tuple(
        Label(
            x.kind,
            int(place[x.at]),
            int(place[x.first]),
            min(int(kept.sum()), max(int(place[x.at]), int(place[x.end - 1])) + 1),
        )
        for x in labels
        if kept[x.at :].any()
    )
    key = SeriesKey("", "labelled", f"{seed}", shape)
    return Labelled(shape, Series.of(key, grain, times[kept], values[kept]), moved)


def make_all(seed: int, rounds: int) -> Iterator[Labelled]:
    """Every shape in every round, with 0 to 4 anomalies."""
    for turn in range(rounds):
        for shape in SHAPES:
            yield make(shape, 1000 * seed + turn, (turn + list(SHAPES).index(shape)) % 5)
