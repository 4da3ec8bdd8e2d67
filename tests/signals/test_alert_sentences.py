"""What alerts say, and what is left out of them because it may be chance."""

import math
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from analytics_etl.signals.alerts.chance import interval, without_chance
from analytics_etl.signals.alerts.rules import AllOf, Change, Comparison, Condition, Rule, Selector
from analytics_etl.signals.alerts.sentences import sentence
from analytics_etl.signals.alerts.states import Status
from analytics_etl.signals.series import DAY, Series, SeriesKey
from analytics_etl.signals.words import Measured

ERRORS = Selector("error_ratio")
MEASURES = {("services", "error_ratio"): Measured("ratio", "service")}
LABELS = {"family": "services", "entity": "checkout", "grain": "1d"}
DAYS = datetime(2025, 3, 31, tzinfo=UTC)


def rule(condition: Condition, *, sure: bool = False) -> Rule:
    return Rule("r", "Too many errors.", "high", condition, sure=sure)


@pytest.mark.parametrize(
    ("condition", "labels", "value", "text"),
    [
        (Comparison(ERRORS, ">", 0.1), LABELS, 0.12, "Error ratio of service checkout is 12 % (limit 10 %)"),
        (Comparison(ERRORS, ">", 0.1), {**LABELS, "grain": "1h", "tenant": "acme"}, 0.12,
         "Hourly error ratio of service checkout of tenant acme is 12 % (limit 10 %)"),
        (Comparison(Change(ERRORS, timedelta(days=1)), ">", 0.5), LABELS, 0.75,
         "Error ratio of service checkout changed by +75% (limit +50%)"),
        (Comparison(Selector("anomaly_deviation"), ">=", 5), {**LABELS, "metric": "error_ratio"}, 7.25,
         "Error ratio of service checkout is 7.25 standard deviations from its past (limit 5)"),
        (Comparison(Selector("anomaly_deviation"), ">=", 5), {**LABELS, "metric": "error_ratio"}, 99,
         "Error ratio of service checkout is no longer what it always was"),
        (AllOf((Comparison(ERRORS, ">", 0.1), Comparison(Selector("events"), ">", 9))), {"entity": "a"}, None,
         "Too many errors: entity a"),
        (Comparison(ERRORS, ">", 0.1), {}, None, "Too many errors"),
    ],
)  # fmt: skip
def test_an_alert_is_a_sentence(
    condition: Condition, labels: dict[str, str], value: float | None, text: str
) -> None:  # fmt: skip
    assert sentence(rule(condition), labels, value, MEASURES) == text


def test_no_data_is_of_low_severity_unless_the_rule_says_otherwise() -> None:
    one = rule(Comparison(ERRORS, ">", 0.1))
    assert (one.severity_in(Status.TRIGGERED), one.severity_in(Status.NO_DATA)) == ("high", "low")
    stricter = Rule("r", "Too many errors.", "high", one.condition, no_data="critical")
    assert stricter.severity_in(Status.NO_DATA) == "critical"


def test_the_interval_of_a_share_as_published() -> None:
    """3 of 20: 0.0524 to 0.3604 (Agresti and Coull, 1998, and any table of Wilson's interval)."""
    low, high = interval(np.array([0.15, 0.15]), np.array([20, math.nan]))
    assert low.tolist() == pytest.approx([0.0524, 0.15], abs=5e-5)
    assert high.tolist() == pytest.approx([0.3604, 0.15], abs=5e-5)


def test_what_may_be_chance_is_not_beyond_the_threshold() -> None:
    """3 of 20 may be chance; 30 of 200 is 10.7 to 20.6 %, 12 % of nobody knows how many is taken as it is."""
    key = SeriesKey("", "services", "checkout", "error_ratio")
    given = Series.of(key, DAY, [0, DAY, 2 * DAY, 3 * DAY], [0.15, 0.15, 0.12, 0.02], [20, 200, math.nan, 20])
    found = without_chance(given, rule(Comparison(ERRORS, ">", 0.1), sure=True), ERRORS).values
    assert (found > 0.1).tolist() == [False, True, True, False]
    assert found[3] == 0.02
    below = without_chance(given, rule(Comparison(ERRORS, "<=", 0.1), sure=True), ERRORS).values
    assert (below <= 0.1).tolist() == [False, False, False, False]
