"""Anomalies of several series at the same time are one incident."""

from collections.abc import Iterable
from dataclasses import dataclass

from analytics_etl.signals.anomalies.rows import Anomaly, Severity
from analytics_etl.signals.series import MINUTE, SeriesKey

APART = 15 * MINUTE
"""Anomalies that begin within it after the first belong together."""


@dataclass(frozen=True)
class Incident:
    """Anomalies of one tenant that began together, the worst first."""

    anomalies: tuple[Anomaly, ...]

    @property
    def begins(self) -> int:
        return min(anomaly.time for anomaly in self.anomalies)

    @property
    def severity(self) -> Severity:
        return self.anomalies[0].severity

    @property
    def sentence(self) -> str:
        """What is worst, and how much more there is."""
        worst, others = self.anomalies[0], len({anomaly.key for anomaly in self.anomalies}) - 1
        if not others:
            return worst.sentence
        return f"{worst.sentence}; and {others} more series at the same time"


def group(anomalies: Iterable[Anomaly], apart: int = APART) -> tuple[Incident, ...]:
    """The incidents in order of time. An incident ends `apart` after its first anomaly, so that none goes on for ever.

    Buckets of a day begin at midnight, whenever in the day the anomaly was: they join the incident of that moment.
    """
    open_since: dict[str, int] = {}
    groups: dict[tuple[int, str], list[Anomaly]] = {}
    for anomaly in sorted(anomalies, key=lambda found: (found.time, found.key)):
        tenant = anomaly.key.tenant
        if tenant not in open_since or anomaly.time > open_since[tenant] + apart:
            open_since[tenant] = anomaly.time
        groups.setdefault((open_since[tenant], tenant), []).append(anomaly)
    return tuple(Incident(tuple(sorted(groups[place], key=_worst_first))) for place in sorted(groups))


def _worst_first(anomaly: Anomaly) -> tuple[int, float, SeriesKey]:
    return -anomaly.severity.rank, -anomaly.score, anomaly.key
