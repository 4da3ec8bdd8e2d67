"""Rules as people write them, and what they are told if one is wrong."""

import json
import math
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from analytics_etl.signals.alerts.machine import evaluate
from analytics_etl.signals.alerts.matching import all_match, matchers_of
from analytics_etl.signals.alerts.prometheus import expression, prometheus_rules
from analytics_etl.signals.alerts.reading import RuleError, load_rules, read_rules
from analytics_etl.signals.alerts.rules import Comparison, Rule, Selector
from analytics_etl.signals.alerts.states import Status, initial
from analytics_etl.signals.alerts.watching import alerts_of, grain_name, points_of, replay
from analytics_etl.signals.series import DAY, HOUR, MINUTE, Series, SeriesKey

SQL_DIR = Path(__file__).parents[2] / "sql"
SCHEMA = json.loads((SQL_DIR / "alerts.schema.json").read_text(encoding="utf-8"))

CPU: dict[str, Any] = {
    "name": "cpu_high",
    "description": "CPU is high.",
    "severity": "high",
    "tenant": "acme",
    "when": {"metric": "cpu_percent", "labels": {"host": "web-*", "env": {"not": ["dev", "test"]}}, "operator": ">",
             "threshold": 80},
    "for": 300, "keep_firing": 600,
}  # fmt: skip


def read(*rules: dict[str, Any]) -> list[Rule]:
    return read_rules(yaml.safe_dump({"rules": list(rules)}), "mine.yaml", SCHEMA)


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(SCHEMA)


def test_a_rule_says_what_it_says() -> None:
    (rule,) = read(CPU)
    matchers = matchers_of({"tenant": "acme", "host": "web-*", "env": {"not": ["dev", "test"]}})
    assert rule.condition == Comparison(Selector("cpu_percent", matchers), ">", 80.0)
    assert (rule.severity, rule.hold, rule.keep_firing) == ("high", timedelta(minutes=5), timedelta(minutes=10))
    labels = {"tenant": "acme", "host": "web-1", "env": "prod"}
    assert rule.selectors[0].matches("cpu_percent", labels)
    assert not rule.selectors[0].matches("memory_percent", labels)
    for change in ({"host": "db-1"}, {"env": "dev"}, {"tenant": "other"}, {"tenant": ""}):
        assert not rule.selectors[0].matches("cpu_percent", {**labels, **change})


def test_the_version_follows_from_the_content() -> None:
    (rule,), (same,), (other,) = read(CPU), read(dict(reversed(CPU.items()))), read({**CPU, "for": 301})
    assert rule.version == same.version != other.version
    when = {"all": [CPU["when"]]}
    assert read({**CPU, "when": when})[0].version != read({**CPU, "when": {"any": when["all"]}})[0].version


def test_the_platform_is_not_a_tenant() -> None:
    (rule,) = read({**CPU, "tenant": "", "when": {"metric": "cpu_percent", "operator": ">", "threshold": 80}})
    assert rule.selectors[0].matches("cpu_percent", {})
    assert not rule.selectors[0].matches("cpu_percent", {"tenant": "acme"})


def test_only_the_star_is_a_wildcard() -> None:
    assert all_match(matchers_of({"a": "x[1]?*"}), {"a": "x[1]?y"})
    assert not all_match(matchers_of({"a": "x[1]?*"}), {"a": "x1zy"})


WHEN = CPU["when"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"severity": "error"}, 'severity: expected low, medium, high or critical, but is "error"'),
        ({"name": "CPU high"}, "rule CPU high: name: expected a name of lower-case letters, digits and _, at "),
        ({"for": -1}, "for: expected a number of seconds, 0 or more, but is -1"),
        ({"for": float("nan")}, "for: expected a number of seconds, 0 or more, but is NaN"),
        ({"when": {**WHEN, "operator": "=>"}}, 'when.operator: expected one of > < >= <= == !=, but is "=>"'),
        ({"when": {**WHEN, "threshold": "80%"}}, 'when.threshold: expected a number, but is "80%"'),
        ({"when": {**WHEN, "threshold": float("inf")}}, "when.threshold: expected a number, but is Infinity"),
        ({"when": {**WHEN, "threshold": True}}, "when.threshold: expected a number, but is true"),
        ({"when": {"metric": "a", "operator": ">"}}, "when: expected threshold, but there is only "),
        ({"when": {**WHEN, "treshold": 1}}, "when: expected only metric, labels, operator, threshold, but there is t"),
        ({"when": {}}, "when: expected a condition: metric, ratio, change, absent, all or any, but is {}"),
        ({"when": {"all": []}}, "when.all: expected a list of one or more conditions, but is []"),
        ({"when": {"any": [WHEN, {"absent": {"metric": "a"}, "after": 0}]}},
         "when.any.1.after: expected a number of seconds, more than 0, but is 0"),
        ({"when": {"ratio": [{"metric": "a"}], "operator": ">", "threshold": 1}},
         "when.ratio: expected a list of two series: what is divided, and by what, but is "),
        ({"when": {"absent": {"metric": "a"}, "after": 60}},
         "for: expected none beside `absent`, whose `after` says how long, but is 300"),
        ({"colour": "red"}, "rule cpu_high: expected only name, description, severity, tenant, when, for, "),
    ],
)  # fmt: skip
def test_a_wrong_rule_is_told(change: dict[str, Any], said: str) -> None:
    with pytest.raises(RuleError) as raised:
        read({**CPU, **change})
    assert str(raised.value).startswith("mine.yaml: rule ")
    assert said in str(raised.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("rules: [", "mine.yaml: expected YAML, but "),
        ("- a", 'mine.yaml: expected a mapping with the one key `rules`, but is ["a"]'),
        ("rules: 1", "mine.yaml: rules: expected a list of rules, but is 1"),
        ("rules: [1]", "mine.yaml: rule number 1: expected a rule, but is 1"),
        ("{}", "mine.yaml: expected rules, but there is only {}"),
    ],
)
def test_a_wrong_file_is_told(text: str, said: str) -> None:
    with pytest.raises(RuleError) as raised:
        read_rules(text, "mine.yaml", SCHEMA)
    assert str(raised.value).startswith(said)


def test_a_name_is_given_once_and_inhibitions_name_rules(tmp_path: Path) -> None:
    with pytest.raises(RuleError, match="rule cpu_high: name: expected a name of its own, but two rules have it"):
        read(CPU, CPU)
    (tmp_path / "alerts.schema.json").write_text(json.dumps(SCHEMA))
    for family, content in (("a", [CPU]), ("b", [CPU])):
        (tmp_path / family).mkdir()
        (tmp_path / family / "alerts.yaml").write_text(yaml.safe_dump({"rules": content}))
    with pytest.raises(RuleError, match=r"b/alerts.yaml: rule cpu_high: name: .*a/alerts.yaml has it, too"):
        load_rules(tmp_path)
    inhibited = {**CPU, "name": "b", "inhibited_by": [{"rule": "no_such"}]}
    (tmp_path / "b" / "alerts.yaml").write_text(yaml.safe_dump({"rules": [inhibited]}))
    with pytest.raises(RuleError, match=r"inhibited_by: expected another rule \(cpu_high\), but is no_such"):
        load_rules(tmp_path)


def test_the_default_rules() -> None:
    rules = load_rules(SQL_DIR)
    limits = {
        name: (one.condition.operator, one.condition.threshold, one.severity)
        for name, one in rules.items()
        if isinstance(one.condition, Comparison)
    }
    assert limits == {
        "anomaly_high": (">=", 5, "high"),
        "compilation_p95_high": (">", 5000, "high"),
        "error_ratio_high": (">", 0.1, "high"),
        "module_health_low": ("<", 50, "medium"),
    }
    assert rules.keys() - limits.keys() == {"daily_run_missing"}


# -- over series ------------------------------------------------------------------------------------------------------

START = datetime(2025, 3, 3, tzinfo=UTC)


def series(
    metric: str,
    values: list[float],
    tenant: str = "acme",
    grain: int = MINUTE,
    weight: float | None = None,
    **labels: str,
) -> Series:
    first = int(START.timestamp()) * 1_000_000
    key = SeriesKey(tenant, "platform", "", metric, tuple(sorted(labels.items())))
    times = [first + number * grain for number in range(len(values))]
    return Series.of(key, grain, times, values, [math.nan if weight is None else weight] * len(values))


def test_an_alert_for_each_series_that_matches() -> None:
    (rule,) = read(CPU)
    found = alerts_of(
        rule,
        [
            series("cpu_percent", [1], host="web-2"),
            series("cpu_percent", [1], host="web-1"),
            series("cpu_percent", [1], host="db-1"),
            series("cpu_percent", [1], tenant="other", host="web-1"),
            series("memory_percent", [1], host="web-1"),
        ],
    )
    assert [one.key for one in found] == [
        f'cpu_high{{family="platform", grain="1m", host="web-{number}", tenant="acme"}}' for number in (1, 2)
    ]


def test_a_default_rule_over_a_series() -> None:
    """An error ratio over a tenth for five minutes, then not over it for two hours from minute 6 on."""
    rule = load_rules(SQL_DIR)["error_ratio_high"]
    api = series("error_ratio", [0.05, 0.2, 0.2, 0.2, 0.2, 0.11, 0.1] + [0] * 120, service="api")
    web = series("error_ratio", [0, 0, 0, 0.2, 0.2, 0, 0], service="web")
    found = replay(rule, [web, api], START, START + timedelta(minutes=127))
    assert [(one.labels["service"], one.after, (one.at - START) // timedelta(minutes=1)) for one in found] == [
        ("api", Status.PENDING, 2), ("web", Status.PENDING, 4), ("api", Status.TRIGGERED, 6),
        ("web", Status.INACTIVE, 6), ("api", Status.RESOLVED, 126),
    ]  # fmt: skip


def test_points_are_those_that_became_known_in_between() -> None:
    (rule,) = read({**CPU, "when": {"metric": "cpu_percent", "operator": ">", "threshold": 80}})
    (watched,) = alerts_of(rule, [series("cpu_percent", [1, 2, 3, 4])])
    found = points_of(watched, START + timedelta(minutes=1), START + timedelta(minutes=3))
    assert [point.value for point in found] == [2, 3]
    assert found[0].at == START + timedelta(minutes=2)


def test_a_run_that_never_came_is_watched() -> None:
    rule = load_rules(SQL_DIR)["daily_run_missing"]
    (watched,) = alerts_of(rule, [])
    assert watched.labels == {"family": "ops"}
    found = evaluate(rule, initial(rule.name, watched.labels, START), [], [], START + timedelta(days=3))
    assert [one.at - START for one in found.transitions] == [timedelta(hours=26)]


def test_series_of_one_alert_are_joined_by_labels() -> None:
    ratio = {"ratio": [{"metric": "errors"}, {"metric": "requests"}], "operator": ">", "threshold": 0.1}
    (rule,) = read({**CPU, "when": ratio, "on": ["tenant", "service"]})
    given = [series("errors", [1], service="api", code="500"), series("requests", [5], service="api")]
    (watched,) = alerts_of(rule, given)
    assert watched.labels == {"tenant": "acme", "service": "api"}
    assert {one.key.metric for one in watched.inputs.values()} == {"errors", "requests"}
    with pytest.raises(ValueError, match=r"have the same labels .* name more of them in `on`"):
        alerts_of(rule, [*given, series("errors", [1], service="api", code="503")])


def test_a_grain_has_a_name() -> None:
    assert [grain_name(one) for one in (MINUTE, 5 * MINUTE, HOUR, DAY, 7 * DAY, 90 * MINUTE, 1_000_000)] == [
        "1m", "5m", "1h", "1d", "7d", "90m", "1s",
    ]  # fmt: skip


# -- Prometheus -------------------------------------------------------------------------------------------------------


def test_a_rule_of_prometheus() -> None:
    assert yaml.safe_load(prometheus_rules(read(CPU))) == {
        "groups": [
            {
                "name": "analytics_etl",
                "rules": [
                    {
                        "alert": "cpu_high",
                        "expr": 'cpu_percent{env!~"dev|test",host=~"web\\\\-.*",tenant="acme"} > 80',
                        "for": "300s",
                        "keep_firing_for": "600s",
                        "labels": {"severity": "high"},
                        "annotations": {"summary": "CPU is high."},
                    }
                ],
            }
        ]
    }


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ({"absent": {"metric": "a.b"}, "after": 90.5}, "absent_over_time(a_b[90500ms])"),
        ({"change": {"metric": "a"}, "over": 3600, "operator": "<", "threshold": -0.5},
         "(a - a offset 3600s) / abs(a offset 3600s != 0) < -0.5"),
        ({"ratio": [{"metric": "a"}, {"metric": "b"}], "operator": ">=", "threshold": 0.1},
         "a / on (host) (b != 0) >= 0.1"),
        ({"any": [{"metric": "a", "operator": ">", "threshold": 1}, {"metric": "b", "operator": "!=", "threshold": 2}]},
         "(a > 1) or on (host) (b != 2)"),
    ],
)  # fmt: skip
def test_conditions_in_promql(when: dict[str, Any], expected: str) -> None:
    rule = {name: value for name, value in CPU.items() if name not in ("for", "tenant")}
    (read_rule,) = read({**rule, "when": when, "on": ["host"]})
    assert expression(read_rule.condition, read_rule.on) == expected
