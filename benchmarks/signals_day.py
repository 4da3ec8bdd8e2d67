"""A day of many series: anomalies of all of them, forecasts of those that change most.

    python -m benchmarks.signals_day                  # 10,000 series of 288 points, about 3 minutes on 2 cores
    python -m benchmarks.signals_day --series 1000    # a tenth of it

Of each series two weeks are known: states are read, a day is scored, states are written. Then the twentieth of the
series whose day varies most in units of its mean is forecast 5 minutes, 15 minutes and an hour ahead. Targets for
10,000 series on 2 cores: 120 s and 300 s.
"""

import argparse
import os
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace

import numpy as np

from analytics_etl.signals.forecasting.forecast import Domain, forecast, standard_horizons
from analytics_etl.signals.series import DAY, MINUTE, Series
from benchmarks.anomalies import days_of
from benchmarks.labelled_series import SHAPES, START, make
from benchmarks.measuring import line

GRAIN = 5 * MINUTE
BASES = 60
"""Series that are made; the others are these with other noise."""
WHOLE = 10_000
FORECAST_SHARE = 20
ANOMALIES_SECONDS, FORECASTS_SECONDS = 120, 300


def main() -> None:
    """Print how long both take, and whether that is within their targets."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--series", type=int, default=WHOLE)
    number, processes = parser.parse_args().series, os.cpu_count() or 1
    with ProcessPoolExecutor(processes) as pool:
        anomalies = max(seconds for seconds, _ in pool.map(days_of, [number // processes] * processes))
        chosen = most_changing(number)
        started = time.monotonic()
        made = sum(pool.map(forecasts_of, [chosen[turn::processes] for turn in range(processes)]))
        forecasts = time.monotonic() - started
    print(f"{number:,} series of 288 points on {processes} cores: anomalies {anomalies:.1f} s; "
          f"forecasts of the {len(chosen)} that change most {forecasts:.1f} s, {made} rows")  # fmt: skip
    share = number / WHOLE
    line(f"anomalies / {ANOMALIES_SECONDS * share:.0f} s", anomalies / (ANOMALIES_SECONDS * share), 1)
    line(f"forecasts / {FORECASTS_SECONDS * share:.0f} s", forecasts / (FORECASTS_SECONDS * share), 1)


def most_changing(number: int) -> list[Series]:
    """The twentieth of so many series whose last day varies most in units of its mean, with their two weeks before."""
    names = [name for name, (_, grain, _) in SHAPES.items() if grain == GRAIN]
    bases = [make(names[n % len(names)], 400_000 + n, 0, number=288 * 15).series for n in range(BASES)]
    changes = []
    for turn in range(number):
        series = noisy(bases[turn % BASES], turn)
        day = series.between(START + 14 * DAY, START + 15 * DAY).values
        changes.append((float(np.nanstd(day)) / max(abs(float(np.nanmean(day))), 1e-9), turn))
    chosen = sorted(changes, reverse=True)[: number // FORECAST_SHARE]
    return [noisy(bases[turn % BASES], turn) for _, turn in chosen]


def noisy(series: Series, seed: int) -> Series:
    """A series like another, a hundredth of whose values is noise of its own."""
    noise = np.random.default_rng(seed).normal(1, 0.01, len(series))
    return replace(series, values=series.values * noise)


def forecasts_of(chosen: list[Series]) -> int:
    """Rows of the forecasts of some series."""
    return sum(len(forecast(series, standard_horizons(GRAIN), Domain.COUNT)) for series in chosen)


if __name__ == "__main__":
    main()
