import numpy as np
import pytest
from series_of import KEY, series_of

from analytics_etl.signals.anomalies.causes import Cause, Part, explain
from analytics_etl.signals.anomalies.detector import detect
from analytics_etl.signals.anomalies.incidents import group
from analytics_etl.signals.anomalies.rows import Anomaly, Severity, anomalies_of, severity_of
from analytics_etl.signals.anomalies.scores import ASPECTS, Scores, figures_of, figures_of_values
from analytics_etl.signals.series import HOUR, MINUTE, SeriesKey
from analytics_etl.signals.words import Measured

NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("deviation", "severity"),
    [
        (1.99, None),
        (2, "low"),
        (-2.99, "low"),
        (3, "medium"),
        (3.2, "medium"),
        (-4.99, "medium"),
        (5, "high"),
        (INF, "high"),
        (NAN, None),
    ],
)
def test_severity_follows_from_the_deviation(deviation: float, severity: str | None) -> None:
    assert severity_of(deviation) == severity


def test_what_is_high_is_critical_with_many_errors() -> None:
    assert severity_of(5.1, 0.051) == "critical"
    assert severity_of(5.1, 0.05) == "high"
    assert severity_of(4.9, 0.9) == "medium"
    assert Severity.CRITICAL.rank > Severity.HIGH.rank > Severity.MEDIUM.rank > Severity.LOW.rank


def scores_of(aspect: str, current: float, expected: float, spread: float) -> Scores:
    """Of a series of one point, at which an anomaly begins."""
    figures = figures_of_values(np.array([current]), np.array([expected]), np.array([spread]))
    yes = np.array([True])
    return Scores(np.array([0.9]), yes, np.array([ASPECTS.index(aspect)]), *figures, np.array([50]), ~yes)


@pytest.mark.parametrize(
    ("aspect", "figures", "sentence"),
    [
        ("value", (412, 210, 15), "is 412 ms, expected 180 to 240 ms: +13.5 sd, high"),
        ("seasonal", (1234.5, 1300, 20), "is 1,234 ms, expected 1,260 to 1,340 ms at this time: -3.3 sd, medium"),
        ("mean", (12.5, 10, 1), "is 12.5 ms on average of 20 points, expected 8 to 12 ms: +2.5 sd, low"),
        ("spread", (31, 8, 1), "varies by 31 ms over 20 points, expected 6 to 10 ms: +23.0 sd, high"),
        ("value", (6, 5, 0), "is 6 ms, expected always 5 ms as before: high"),
        ("gap", (51, 1, 1), "is missing: 51 buckets after the one before, at most 1 until now: high"),
    ],
)
def test_an_anomaly_is_a_sentence(aspect: str, figures: tuple[float, float, float], sentence: str) -> None:
    series = series_of([0.0], key=SeriesKey("acme", "services", "api", "p95_latency_ms"))
    (row,) = anomalies_of(series, scores_of(aspect, *figures), "novelty-1", Measured("ms", "service")).anomalies
    assert row.sentence == f"P95 latency of service api of tenant acme {sentence}"


def test_a_row_has_all_its_figures() -> None:
    series = series_of([412.0], first=7)
    (row,) = anomalies_of(series, scores_of("value", 412, 210, 40), "novelty-1", error_ratios=np.array([0.2])).anomalies
    assert row == Anomaly(
        key=KEY,
        time=int(series.times[0]),
        method="novelty-1",
        aspect="value",
        score=0.9,
        current=412,
        expected=210,
        lower=130,
        upper=290,
        deviation=5.05,
        direction="up",
        is_flat=False,
        severity=Severity.CRITICAL,
        sentence="Requests of api of tenant acme is 412, expected 130 to 290: +5.0 sd, critical",
    )


def test_what_came_off_a_flat_line_is_told_as_such() -> None:
    series = series_of([5.0] * 12 + [6.0])
    (row,) = anomalies_of(series, detect(series)[0], "novelty-1").anomalies
    assert (row.is_flat, row.deviation, row.severity, row.direction) == (True, None, "high", "up")
    assert row.sentence == "Requests of api of tenant acme is 6, expected always 5 as before: high"


def test_spreads_and_gaps_are_not_expected_below_0() -> None:
    """Aspects by their numbers: a value, a spread, a gap; of each 10 was expected, give or take 2 times 6."""
    aspect = np.array([ASPECTS.index(name) for name in ("value", "spread", "gap")])
    found, centres, spreads = (np.full((len(ASPECTS), 3), number) for number in (40.0, 10.0, 6.0))
    figures = figures_of(aspect, found, centres, spreads)
    assert figures.lower.tolist() == [-2, 0, 0]
    assert figures.upper.tolist() == [22, 22, 22]
    assert figures.deviation.tolist() == [5, 5, 5]


def test_of_few_points_there_are_no_anomalies_and_a_reason() -> None:
    series = series_of([5.0] * 9)
    found = anomalies_of(series, detect(series)[0], "novelty-1")
    assert found.anomalies == ()
    assert found.reason == "9 points are known, at least 10 must come before an anomaly."
    calm = series_of([5.0] * 11)
    assert not anomalies_of(calm, detect(calm)[0], "novelty-1").reason


# -- causes -----------------------------------------------------------------------------------------------------------


def test_the_values_that_explain_most_of_a_change_are_told() -> None:
    """The total fell by 100: a by 70, b by 20, c by 14; d rose by 4. Two explain 90 %."""
    parts = {"a": Part(30, 100), "b": Part(30, 50), "c": Part(6, 20), "d": Part(14, 10)}
    assert explain(parts) == (Cause("a", -70, 0.7), Cause("b", -20, 0.2))


def test_what_changed_the_other_way_is_no_cause() -> None:
    """The total rose by 10: a by 30, b fell by 20."""
    assert explain({"a": Part(40, 10), "b": Part(0, 20)}) == (Cause("a", 30, 3.0),)
    assert explain({"a": Part(5, 5)}) == ()
    assert explain({"a": Part(15, 5), "b": Part(0, 10)}) == ()
    assert explain({}) == ()


# -- incidents --------------------------------------------------------------------------------------------------------


def anomaly(time: int, metric: str, severity: Severity, tenant: str = "acme") -> Anomaly:
    key = SeriesKey(tenant, "services", "api", metric)
    return Anomaly(
        key=key,
        time=time,
        method="novelty-1",
        aspect="value",
        score=0.9,
        current=2,
        expected=1,
        lower=0,
        upper=1,
        deviation=3.0,
        direction="up",
        is_flat=False,
        severity=severity,
        sentence=f"{metric} is {severity}",
    )


def test_anomalies_at_the_same_time_are_one_incident() -> None:
    first = anomaly(HOUR, "requests", Severity.LOW)
    second = anomaly(HOUR + 10 * MINUTE, "errors", Severity.CRITICAL)
    third = anomaly(HOUR + 15 * MINUTE, "latency", Severity.HIGH)
    later = anomaly(HOUR + 16 * MINUTE, "errors", Severity.HIGH)
    other = anomaly(HOUR, "requests", Severity.LOW, "globex")
    incidents = group([later, third, other, second, first])
    assert [incident.anomalies for incident in incidents] == [(second, third, first), (other,), (later,)]
    assert incidents[0].begins == HOUR
    assert incidents[0].severity is Severity.CRITICAL
    assert incidents[0].sentence == "errors is critical; and 2 more series at the same time"
    assert incidents[1].sentence == "requests is low"
    assert group([]) == ()
