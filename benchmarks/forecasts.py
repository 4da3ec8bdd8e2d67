"""How good forecasts are, on held-out ends of real series and of made ones. Prints the table of docs/forecasts.md.

    python -m benchmarks.forecasts [FOLDER]

FOLDER may have `cran_daily_2015_2017.csv.gz` (date, package, downloads) and `worldcup98_minutes.csv.gz` (period,
count). Without it, only the series that are made here are forecast. Each row compares with the seasonal naive forecast.
"""

import csv
import gzip
import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import numpy as np

from analytics_etl.signals.forecasting.accuracy import covered, mase, owa, seasonal_naive, smape
from analytics_etl.signals.forecasting.forecast import Domain, predict
from analytics_etl.signals.series import Floats

Held = tuple[Floats, Floats, tuple[int, ...], Domain]
"""(past, actual, seasons, domain)."""
Maker = Callable[[np.random.Generator, int], Floats]
SERIES_A_KIND = 60


def main(folder: Path | None) -> None:
    """Print a row for each set of series, and how long the 500 series of a day take."""
    print("| series | number | past | steps | MASE | seasonal naive | OWA | within 80 % | within 95 % | ms each |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    sets: dict[str, Iterator[Held]] = {}
    if folder is not None:
        cran = list(daily_downloads(folder / "cran_daily_2015_2017.csv.gz"))
        minutes = requests_per_minute(folder / "worldcup98_minutes.csv.gz")
        hours = minutes[: len(minutes) // 60 * 60].reshape(-1, 60).sum(axis=1)
        sets["downloads a day, 26 ends in a year"] = ends_of(cran, 14, range(0, 364, 14), (7,))
        sets["downloads a day, last two weeks (Christmas)"] = ends_of(cran, 14, [0], (7,))
        sets["requests an hour"] = ends_of([hours], 24, range(0, 480, 8), (24, 168))
        sets["requests a minute"] = ends_of([minutes], 60, range(0, 43200, 997), (1440,), most=4320)
    for name, (made, seasons, domain, count, horizon) in KINDS.items():
        sets[name] = made_series(made, seasons, domain, count, horizon)
    for name, held in sets.items():
        print_row(name, list(held))
    rng = np.random.default_rng(1)
    day = [level_shifts(rng, 288) for _ in range(500)]
    begin = time.perf_counter()
    for values in day:
        predict(values, 60, (), Domain.COUNT)
    print(f"\n500 series of 288 values, 60 steps ahead: {time.perf_counter() - begin:.1f} s on one core")


def print_row(name: str, held: list[Held]) -> None:
    """Forecast each series and print how good it was."""
    begin = time.perf_counter()
    predictions = [predict(past, len(actual), seasons, domain) for past, actual, seasons, domain in held]
    each = (time.perf_counter() - begin) / len(held) * 1000
    ours, naive, within = [], [], []
    for (past, actual, seasons, _), found in zip(held, predictions, strict=True):
        season = min(seasons, default=1)
        plain = seasonal_naive(past, len(actual), season)
        ours.append((mase(past, actual, found.values, season), smape(actual, found.values)))
        naive.append((mase(past, actual, plain, season), smape(actual, plain)))
        within.append(
            [covered(actual, found.lower_80, found.upper_80), covered(actual, found.lower_95, found.upper_95)]
        )
    lengths = [len(past) for past, *_ in held]
    length = f"{min(lengths)}" if min(lengths) == max(lengths) else f"{min(lengths)} to {max(lengths)}"
    means, plain_means, (in_80, in_95) = (np.nanmean(np.array(one), axis=0) for one in (ours, naive, within))
    print(
        f"| {name} | {len(held)} | {length} | {len(held[0][1])} | {means[0]:.2f} | {plain_means[0]:.2f} "
        f"| {owa(ours, naive):.3f} | {in_80:.1%} | {in_95:.1%} | {each:.0f} |"
    )


def ends_of(
    series: list[Floats], horizon: int, backs: range | list[int], seasons: tuple[int, ...], most: int = 2000
) -> Iterator[Held]:  # fmt: skip
    """Hold out `horizon` values that end some buckets before the end of each series."""
    for values in series:
        for back in backs:
            end = len(values) - back - horizon
            if end >= 60:  # noqa: PLR2004  # shorter ones belong to the other sets
                yield values[max(0, end - most) : end], values[end : end + horizon], seasons, Domain.COUNT


def daily_downloads(path: Path) -> Iterator[Floats]:
    """The downloads of each package, in order of days."""
    found: dict[str, list[float]] = {}
    with gzip.open(path, "rt") as lines:
        for row in csv.DictReader(lines):
            found.setdefault(row["package"], []).append(float(row["downloads"]))
    yield from map(np.array, found.values())


def requests_per_minute(path: Path) -> Floats:
    """The requests of every minute; a missing one had none."""
    with gzip.open(path, "rt") as lines:
        rows = [(datetime.fromisoformat(row["period"]), float(row["count"])) for row in csv.DictReader(lines)]
    first = rows[0][0]
    places = [int((at - first).total_seconds()) // 60 for at, _ in rows]
    values = np.zeros(places[-1] + 1)
    values[places] = [count for _, count in rows]
    return values


# -- series of known kinds --------------------------------------------------------------------------------------------


def walk(rng: np.random.Generator, count: int) -> Floats:
    """A level that wanders."""
    return 100 + np.cumsum(rng.normal(0, 1, count))


def trend(rng: np.random.Generator, count: int) -> Floats:
    """A trend that bends, with noise."""
    slopes = rng.normal(0.5, 0.5) + np.cumsum(rng.normal(0, 0.05, count))
    return 200 + np.cumsum(slopes) + rng.normal(0, 3, count)


def seasonal_counts(rng: np.random.Generator, count: int) -> Floats:
    """Poisson counts with a daily and a weekly profile and a level that wanders: hours."""
    at = np.arange(count)
    day = np.convolve(np.tile(rng.normal(0, 1, 24), 3), np.ones(5) / 5, "same")[24:48] * rng.uniform(0.3, 1.5)
    week = rng.uniform(-0.6, 0, 7)
    level = np.log(rng.choice([3, 30, 300])) + np.cumsum(rng.normal(0, 0.01, count))
    return np.asarray(rng.poisson(np.exp(level + day[at % 24] + week[at // 24 % 7])), np.float64)


def seasonal_growth(rng: np.random.Generator, count: int, season: int = 12) -> Floats:
    """Growth with a season that grows along: months."""
    at = np.arange(count)
    profile = rng.normal(0, 0.2, season)
    growth = np.cumsum(rng.normal(0.005, 0.02, count))
    return np.asarray(np.exp(6 + growth + profile[at % season] + rng.normal(0, 0.05, count)))


def ratio(rng: np.random.Generator, count: int) -> Floats:
    """A ratio near 0 with bursts."""
    level = -3.5 + np.cumsum(rng.normal(0, 0.05, count)) + (rng.random(count) < 0.02) * 2  # noqa: PLR2004
    return np.asarray(1 / (1 + np.exp(-level + rng.normal(0, 0.3, count))))


def percent(rng: np.random.Generator, count: int) -> Floats:
    """A percentage that comes back to its mean, such as CPU."""
    found = np.zeros(count)
    for number in range(1, count):
        found[number] = 0.9 * found[number - 1] + rng.normal(0, 5)
    return np.clip(rng.uniform(20, 80) + found, 0, 100)


def level_shifts(rng: np.random.Generator, count: int) -> Floats:
    """Noise around a level that jumps now and then."""
    jumps = np.cumsum((rng.random(count) < 0.01) * rng.normal(0, 20, count))  # noqa: PLR2004
    return np.maximum(100 + jumps + rng.normal(0, 5, count), 0)


def intermittent(rng: np.random.Generator, count: int) -> Floats:
    """Counts that are mostly 0."""
    return rng.poisson(0.3, count).astype(np.float64)


KINDS: dict[str, tuple[Maker, tuple[int, ...], Domain, int, int]] = {
    "a level that wanders": (walk, (), Domain.ANY, 120, 12),
    "a trend that bends": (trend, (), Domain.ANY, 60, 8),
    "13 years of growth": (lambda rng, count: seasonal_growth(rng, count, 1), (), Domain.COUNT, 13, 4),
    "10 years of months with growth": (seasonal_growth, (12,), Domain.COUNT, 120, 18),
    "4 weeks of hourly counts, two seasons": (seasonal_counts, (24, 168), Domain.COUNT, 700, 48),
    "a ratio with bursts": (ratio, (), Domain.RATIO, 288, 12),
    "CPU in percent": (percent, (), Domain.PERCENT, 288, 60),
    "a level that jumps": (level_shifts, (), Domain.COUNT, 288, 60),
    "counts that are mostly 0": (intermittent, (7,), Domain.COUNT, 120, 14),
}


def made_series(make: Maker, seasons: tuple[int, ...], domain: Domain, count: int, horizon: int) -> Iterator[Held]:
    """Series of one kind, each from a seed of its own."""
    for seed in range(SERIES_A_KIND):
        values = make(np.random.default_rng(seed), count + horizon)
        yield values[:count], values[count:], seasons, domain


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
