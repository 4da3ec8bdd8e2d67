"""Measures the detector on labelled series, on real series without labels, and its speed.

    python -m benchmarks.anomalies                       # labelled series of seeds that were not tuned on
    python -m benchmarks.anomalies --series wc.csv.gz    # alarms in real series: time, key if any, number
    python -m benchmarks.anomalies --speed 10000         # series of a day of 288 points: target 120 s on 2 cores

Against silence, a z-score of an exponentially weighted mean, and novelty in units of the range, which is where the
detector began. All have one threshold for all series; those of the two others are the best of all thresholds.
"""

import argparse
import csv
import gzip
import os
import time
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime

import numpy as np

from analytics_etl.signals.anomalies.detector import DEFAULT_THRESHOLD, detect
from analytics_etl.signals.anomalies.state import State
from analytics_etl.signals.series import DAY, MINUTE, SECOND, Booleans, Floats, Series, SeriesKey
from benchmarks.labelled_series import KINDS, SHAPES, START, Labelled, make, make_all
from benchmarks.stream_scoring import LONGEST_PROBATION, PROBATION, Sweep

MONTH = 30 * DAY


def main() -> None:
    """Parse arguments and measure what they ask for."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--seeds", type=int, nargs="+", default=[101, 102])
    arguments.add_argument("--rounds", type=int, default=10, help="series of each shape and seed")
    arguments.add_argument("--series", nargs="*", default=[])
    arguments.add_argument("--speed", type=int, default=0, help="number of series")
    chosen = arguments.parse_args()
    if chosen.speed:
        measure_speed(chosen.speed)
    elif chosen.series:
        for path in chosen.series:
            measure_alarms(path)
    else:
        measure_labelled([labelled for seed in chosen.seeds for labelled in make_all(seed, chosen.rounds)])
        measure_ordinary_days()


# -- labelled series --------------------------------------------------------------------------------------------------


def z_scores(series: Series) -> Floats:
    """Distance from an exponentially weighted mean, in exponentially weighted standard deviations."""
    mean, variance, share = float(series.values[0]), 0.0, 0.01
    scores = np.zeros(len(series))
    for at, value in enumerate(series.values.tolist()):
        away = value - mean
        scores[at] = abs(away) / variance**0.5 if variance > 0 else 0.0
        mean += share * away
        variance = (1 - share) * (variance + share * away * away)
    return scores


def ranges(series: Series) -> Floats:
    """How far values, changes since the day before, means and deviations of 20 points lie beyond the past's range."""
    values, day = series.values, max(1, DAY // series.grain) if series.grain < DAY else 7
    aspects = [values, np.full(len(values), np.nan), np.full(len(values), np.nan), np.full(len(values), np.nan)]
    aspects[1][day:] = values[day:] - values[:-day]
    windows = np.lib.stride_tricks.sliding_window_view(values, 20)
    aspects[2][19:], aspects[3][19:] = windows.mean(axis=1), windows.std(axis=1)
    most = np.zeros(len(values))
    for aspect in aspects:
        high = np.fmax.accumulate(np.nan_to_num(aspect, nan=-np.inf))[:-1]
        low = np.fmin.accumulate(np.nan_to_num(aspect, nan=np.inf))[:-1]
        with np.errstate(invalid="ignore", divide="ignore"):
            beyond = np.maximum(aspect[1:] - high, low - aspect[1:]) / (high - low)
        most[1:] = np.maximum(most[1:], np.where(np.isfinite(beyond) & (high > low), beyond, 0))
    before = np.lib.stride_tricks.sliding_window_view(np.concatenate([np.zeros(100), most]), 100)[:-1].max(axis=1)
    return np.where(most > before, most, 0.0)


def measure_labelled(all_labelled: list[Labelled]) -> None:
    """Print results at the default threshold and the best one, and by kind of anomaly."""
    windows = sum(len(labelled.labels) for labelled in all_labelled)
    points = sum(len(labelled.series) for labelled in all_labelled)
    print(f"{len(all_labelled)} series, {points:,} points, {windows} anomalies; silence is 0, perfection 100")
    for name, method in (("z-score", z_scores), ("ranges", ranges)):
        sweep = swept(all_labelled, [method(labelled.series) for labelled in all_labelled])
        best, threshold = sweep.best()
        at_three = f"; at 3: {sweep.at(3.0):.1f}" if name == "z-score" else ""
        print(f"{name:<10} best {best:.1f} at {threshold:.3g}{at_three}")
    found = [detect(labelled.series)[0] for labelled in all_labelled]
    sweep = swept(all_labelled, [scores.score for scores in found])
    best, threshold = sweep.best()
    print(f"{'detector':<10} best {best:.1f} at {threshold:.3g}; at the default {sweep.at(DEFAULT_THRESHOLD):.1f}")
    print_kinds([(labelled, scores.begins) for labelled, scores in zip(all_labelled, found, strict=True)])


def swept(all_labelled: list[Labelled], all_scores: list[Floats]) -> Sweep:
    sweep = Sweep()
    for labelled, scores in zip(all_labelled, all_scores, strict=True):
        sweep.add(scores, labelled.labels)
    return sweep


def print_kinds(found: list[tuple[Labelled, Booleans]]) -> None:
    """Print recall and delay by kind, and the precision of all anomalies after probation."""
    hits: dict[str, list[bool]] = defaultdict(list)
    delays: dict[str, list[int]] = defaultdict(list)
    right = wrong = 0
    for labelled, begins in found:
        number = len(begins)
        at = np.flatnonzero(begins)
        at = at[at >= min(PROBATION * number, LONGEST_PROBATION)]
        is_right = np.zeros(len(at), np.bool_)
        for label in labelled.labels:
            inside = (at >= label.first) & (at < label.end)
            hits[label.kind].append(bool(inside.any()))
            is_right |= inside
            delays[label.kind] += (at[inside & (at >= label.at)] - label.at)[:1].tolist()
        right += int(is_right.sum())
        wrong += int((~is_right).sum())
    for kind in KINDS:
        print(
            f"{kind:<10} recall {np.mean(hits[kind]):.2f} of {len(hits[kind])}, "
            f"median delay {np.median(delays[kind]):.0f} points"
        )
    everything = [hit for kind in KINDS for hit in hits[kind]]
    print(f"{'all':<10} recall {np.mean(everything):.2f}, precision {right / (right + wrong):.2f}")


def measure_ordinary_days() -> None:
    """Print false alarms per series and month of five-minute series without anomalies, by how long they are known."""
    alarms = np.zeros(9)
    shapes = [name for name, (_, grain, _) in SHAPES.items() if grain == 5 * MINUTE]
    for turn in range(3):
        for shape in shapes:
            series = make(shape, 200_000 + turn, 0, number=288 * 90).series
            begins = detect(series)[0].begins
            alarms += np.bincount((series.times[begins] - START) // (10 * DAY), minlength=9)
    a_month = alarms / (3 * len(shapes)) * 3
    print("false alarms per series and month, each ten days:", " ".join(f"{number:.1f}" for number in a_month))


# -- real series ------------------------------------------------------------------------------------------------------


def measure_alarms(path: str) -> None:
    """Print anomalies per series and month of a file."""
    rows: dict[str, list[tuple[int, float]]] = defaultdict(list)
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for first, *key, last in list(csv.reader(lines))[1:]:
            moment = int(datetime.fromisoformat(first).replace(tzinfo=UTC).timestamp()) * SECOND
            rows["".join(key[:1])].append((moment, float(last)))
    for grain, all_series in summed(rows):
        months = [(int(s.times[-1]) - int(s.times[0])) / MONTH for s in all_series]
        found = [int(detect(series)[0].begins.sum()) for series in all_series]
        a_month = np.array(found) / np.array(months)
        print(
            f"{path}: {len(found)} series of grain {grain // MINUTE} min, {sum(months):.0f} months: "
            f"{a_month.mean():.2f} anomalies per series and month, at most {a_month.max():.2f}"
        )


def summed(rows: dict[str, list[tuple[int, float]]]) -> Iterator[tuple[int, list[Series]]]:
    """The series as they are, and minutes also summed up to five and to sixty."""
    first = np.array(sorted(next(iter(rows.values()))))
    finest = int(np.median(np.diff(first[:, 0])))
    for grain in (finest, 5 * finest, 60 * finest) if finest == MINUTE else (finest,):
        all_series = []
        for name, pairs in rows.items():
            moments, numbers = np.array(sorted(pairs)).T
            buckets, place = np.unique(moments.astype(np.int64) // grain, return_inverse=True)
            key = SeriesKey("", "real", "", name)
            all_series.append(Series.of(key, grain, buckets * grain, np.bincount(place, numbers)))
        yield grain, all_series


# -- speed ------------------------------------------------------------------------------------------------------------


def measure_speed(number: int) -> None:
    """Print the time that a day of so many series takes: state read, points scored, state written."""
    processes = os.cpu_count() or 1
    started = time.monotonic()
    with ProcessPoolExecutor(processes) as pool:
        parts = list(pool.map(days_of, [number // processes] * processes))
    seconds = max(taken for taken, _ in parts)
    print(
        f"{number:,} series of 288 points: {seconds:.0f} s on {processes} cores, target 120 s at 10,000; "
        f"states of {parts[0][1]:,} bytes; {time.monotonic() - started:.0f} s with making the series"
    )


def days_of(number: int) -> tuple[float, int]:
    """Seconds of one day of so many series, of which two weeks are known, and bytes of a state."""
    names = [name for name, (_, grain, _) in SHAPES.items() if grain == 5 * MINUTE]
    last_day = START + 14 * DAY
    prepared = []
    for turn in range(60):
        series = make(names[turn % len(names)], 300_000 + turn, 0, number=288 * 15).series
        state = detect(series.between(START, last_day))[1].to_bytes()
        prepared.append((series.between(last_day, last_day + DAY), state))
    started = time.monotonic()
    size = 0
    for turn in range(number):
        day, state = prepared[turn % len(prepared)]
        size = len(detect(day, State.from_bytes(state))[1].to_bytes())
    return time.monotonic() - started, size


if __name__ == "__main__":
    main()
