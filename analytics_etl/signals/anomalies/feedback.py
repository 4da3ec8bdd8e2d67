"""What people say of anomalies. It is heeded from the day on which they say it, so that no earlier day changes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from analytics_etl.signals.anomalies.context import Context
from analytics_etl.signals.series import DAY

Verdict = Literal["confirmed", "dismissed"]


@dataclass(frozen=True, order=True)
class Feedback:
    """What somebody said of an anomaly; times are microseconds since 1970 UTC."""

    given_at: int
    start: int
    """Of the anomaly: what names it within its series."""
    end: int
    """Of the points that are not learned if it is confirmed."""
    aspect: str
    direction: str
    verdict: Verdict


def heeded_from(said: Iterable[Feedback]) -> list[int]:
    """The days from which on something else is heeded than before, ascending."""
    return sorted({one.given_at // DAY * DAY for one in said})


def heed(context: Context, said: Sequence[Feedback], day: int) -> Context:
    """A context with what was said until the end of a day. Of an anomaly the last word counts."""
    last = {one.start: one for one in sorted(said) if one.given_at < day + DAY}
    dismissed: dict[tuple[str, str], int] = {}
    for one in last.values():
        if one.verdict == "dismissed":
            kind = (one.aspect, one.direction)
            dismissed[kind] = dismissed.get(kind, 0) + 1
    confirmed = tuple((one.start, one.end) for one in last.values() if one.verdict == "confirmed")
    return replace(context, confirmed=confirmed, dismissed=dismissed)
