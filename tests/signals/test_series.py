import numpy as np
import pytest

from analytics_etl.signals.series import DAY, HOUR, Series, SeriesKey

KEY = SeriesKey("acme", "usage", "api", "requests")


def test_the_buckets_of_a_day_are_those_that_start_in_it() -> None:
    series = Series.of(KEY, HOUR, [DAY - HOUR, DAY, DAY + 5 * HOUR, 2 * DAY], [1, 2, 3, 4])
    day = series.between(DAY, 2 * DAY)
    assert day.values.tolist() == [2, 3]
    assert day.times.tolist() == [DAY, DAY + 5 * HOUR]
    assert day.weights.tolist() == [1, 1]
    assert len(series.between(5 * DAY, 6 * DAY)) == 0


@pytest.mark.parametrize(
    ("grain", "times", "values", "message"),
    [
        (0, [1], [1.0], "positive"),
        (HOUR, [1, 2], [1.0], "one length"),
        (HOUR, [2, 1], [1.0, 1.0], "ascend"),
        (HOUR, [1, 1], [1.0, 1.0], "twice"),
    ],
)
def test_what_is_no_series_is_refused(grain: int, times: list[int], values: list[float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Series(KEY, grain, np.array(times), np.array(values), np.ones(len(values)))
