"""What an alert says in plain words: `Error ratio of service checkout is 12 % (limit 10 %)`."""

from collections.abc import Mapping

from analytics_etl.signals.alerts.matching import Labels
from analytics_etl.signals.alerts.rules import Change, Comparison, Rule, Selector
from analytics_etl.signals.series import HOUR, SeriesKey
from analytics_etl.signals.words import Measured, labels_text, subject, value_text

DEVIATION = "anomaly_deviation"
"""The metric of anomalies; its label `metric` says what deviates."""
OFF_A_LINE = 99.0
"""The deviation of an anomaly off a constant line, which has none."""
_KNOWN = ("tenant", "family", "entity", "grain")
_UNKNOWN = Measured()

Measures = Mapping[tuple[str, str], Measured]
"""{(family, metric): what its series say of their numbers}"""
NOTHING_TOLD: Measures = {}


def sentence(rule: Rule, labels: Labels, value: float | None, measures: Measures) -> str:
    """What is wrong, with the value that was compared; of conditions on several series what the rule says."""
    condition = rule.condition
    if value is not None and isinstance(condition, Comparison):
        match condition.value:
            case Selector(metric) if metric == DEVIATION:
                return _deviates(labels, value, condition.threshold, measures)
            case Selector(metric):
                about, measured = _about(metric, labels, measures)
                limit = value_text(condition.threshold, measured.unit)
                return f"{about} is {value_text(value, measured.unit)} (limit {limit})"
            case Change(selector):
                about, _ = _about(selector.metric, labels, measures)
                return f"{about} changed by {value:+.0%} (limit {condition.threshold:+.0%})"
    said = rule.description.rstrip(".")
    return f"{said}: {labels_text(labels)}" if labels else said


def _about(metric: str, labels: Labels, measures: Measures) -> tuple[str, Measured]:
    tenant, family, entity, grain = (labels.get(name, "") for name in _KNOWN)
    further = tuple(sorted((name, text) for name, text in labels.items() if name not in _KNOWN))
    measured = measures.get((family, metric), _UNKNOWN)
    key = SeriesKey(tenant, family, entity, metric, further)
    return subject(key, measured, HOUR if grain == "1h" else 0), measured


def _deviates(labels: Labels, value: float, threshold: float, measures: Measures) -> str:
    rest = {name: text for name, text in labels.items() if name != "metric"}
    about, _ = _about(labels.get("metric", "value"), rest, measures)
    if value >= OFF_A_LINE:
        return f"{about} is no longer what it always was"
    return f"{about} is {value:.3g} standard deviations from its past (limit {threshold:g})"
