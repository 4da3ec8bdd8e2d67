"""Numbers and names of series in sentences."""

import pytest

from analytics_etl.signals.series import DAY, HOUR, SeriesKey
from analytics_etl.signals.words import Measured, in_domain, number_text, range_text, subject, value_text


@pytest.mark.parametrize(
    ("number", "text"),
    [(0.01234, "0.0123"), (5, "5"), (41.5, "41.5"), (99.96, "100"), (412.4, "412"), (1234567, "1,234,567")],
)
def test_numbers_have_three_digits(number: float, text: str) -> None:
    assert number_text(number) == text


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.12, "ratio", "12 %"), (0.005, "ratio", "0.5 %"), (81.5, "percent", "81.5 %"), (412, "ms", "412 ms"),
        (1234, "count", "1,234"), (49.5, "score", "49.5"), (2048, "bytes", "2,048 bytes"), (3, "", "3"),
    ],
)  # fmt: skip
def test_a_value_has_its_unit(value: float, unit: str, text: str) -> None:
    assert value_text(value, unit) == text


def test_what_is_usual_is_where_values_can_be() -> None:
    assert range_text(-0.02, 0.04, "ratio") == "0 to 4 %"
    assert range_text(95, 102, "score") == "95 to 100"
    assert range_text(-3, 5, "") == "-3 to 5"
    assert (in_domain(130, "ms"), in_domain(-12.5, "count")) == (130, 0)


@pytest.mark.parametrize(
    ("key", "measured", "grain", "text"),
    [
        (("", "services", "api", "error_ratio"), Measured("ratio", "service"), DAY, "Error ratio of service api"),
        (("acme", "jobs", "", "cpu_percent"), Measured("percent"), HOUR, "Hourly cpu of all jobs of tenant acme"),
        (("", "", "a", "latency_ms"), Measured("count"), DAY, "Latency ms of a"),
    ],
)  # fmt: skip
def test_a_series_has_a_name(key: tuple[str, str, str, str], measured: Measured, grain: int, text: str) -> None:
    assert subject(SeriesKey(*key), measured, grain) == text


def test_names_from_events_fit_into_a_line() -> None:
    said = subject(SeriesKey("", "services", "a\n\x1b[31m" + "b" * 200, "errors", (("host", "x\ty"),)), Measured())
    assert said.isprintable()
    assert len(said) < 130
    assert said.endswith("(host x\N{REPLACEMENT CHARACTER}y)")
