"""The detector on labelled series: a few of those that `python -m benchmarks.anomalies` measures, of another seed."""

import numpy as np
import pytest

from analytics_etl.signals.anomalies.detector import DEFAULT_THRESHOLD, detect
from analytics_etl.signals.series import DAY, HOUR
from benchmarks.anomalies import ranges, swept, z_scores
from benchmarks.labelled_series import SHAPES, Label, Labelled, make, make_all
from benchmarks.stream_scoring import Sweep


@pytest.fixture(scope="module")
def labelled() -> list[Labelled]:
    return list(make_all(103, 2))


def test_the_default_threshold_is_far_better_than_silence_and_than_what_it_began_with(labelled: list[Labelled]) -> None:
    detector = swept(labelled, [detect(each.series)[0].score for each in labelled])
    assert detector.at(DEFAULT_THRESHOLD) > 40
    assert swept(labelled, [z_scores(each.series) for each in labelled]).at(3.0) < 0
    assert detector.at(DEFAULT_THRESHOLD) > swept(labelled, [ranges(each.series) for each in labelled]).best()[0] + 5


@pytest.mark.parametrize("shape", [name for name, (_, grain, _) in SHAPES.items() if grain in {HOUR, DAY}])
def test_ordinary_days_have_one_false_alarm_a_month_at_most_after_the_first(shape: str) -> None:
    series = make(shape, 400_000, 0).series
    begins = detect(series)[0].begins[series.times >= series.times[0] + 30 * DAY]
    assert begins.sum() <= (series.times[-1] - series.times[0]) / (30 * DAY) - 1


# -- the scoring ------------------------------------------------------------------------------------------------------


def test_silence_is_0_and_a_detection_at_the_beginning_of_each_window_100() -> None:
    labels = [Label("spike", 55, 50, 60), Label("dip", 85, 80, 90)]
    sweep = Sweep()
    scores = np.zeros(100)
    scores[[50, 80]] = 1
    sweep.add(scores, labels)
    assert sweep.at(0.5) == pytest.approx(100)
    assert sweep.at(1.5) == 0


def test_late_detections_and_false_alarms_by_hand() -> None:
    """Half way into a window of ten sigma is 0.8483 of 0.9866, as the last five points are left."""
    sweep = Sweep()
    scores = np.zeros(100)
    scores[[20, 55]] = 1
    sweep.add(scores, [Label("spike", 55, 50, 60)])
    assert sweep.at(0.5) == pytest.approx(100 * (0.84828 / 0.98661 - 0.11 + 1) / 2, abs=0.01)


def test_probation_counts_for_nothing() -> None:
    sweep = Sweep()
    scores = np.zeros(100)
    scores[:15] = 1
    sweep.add(scores, [Label("spike", 55, 50, 60)])
    assert sweep.at(0.5) == 0


def test_labelled_series_are_the_same_for_a_seed() -> None:
    first, again = make("requests_1h", 5, 3), make("requests_1h", 5, 3)
    assert first.labels == again.labels
    assert len(first.labels) == 3
    assert first.series.values.tobytes() == again.series.values.tobytes()
