"""Silences: who is told nothing about which alerts, and when. They change no state of an alert."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from analytics_etl.signals.alerts.matching import Labels, Matcher, all_match


@dataclass(frozen=True)
class Recurrence:
    """The hours of a week in which a silence holds, UTC. An end at or before the start is on the day after."""

    weekdays: frozenset[int]
    """0 is Monday. The day on which the hours begin."""
    start: time
    end: time

    def window_before(self, at: datetime) -> tuple[datetime, datetime] | None:
        """The last window that began at or before a moment."""
        day = at.astimezone(UTC).date()
        for back in range(8):
            begun = datetime.combine(day - timedelta(days=back), self.start, UTC)
            if begun <= at and begun.weekday() in self.weekdays:
                lasts = 0 if self.end > self.start else 1
                return begun, datetime.combine(begun.date() + timedelta(days=lasts), self.end, UTC)
        return None


@dataclass(frozen=True)
class Silence:
    """Mutes the alerts whose labels match, from one moment to another. `alertname` and `severity` are labels, too."""

    matchers: tuple[Matcher, ...]
    starts_at: datetime
    """Not before it was made, so that the past stays as it was."""
    ends_at: datetime
    who: str
    comment: str = ""
    recurrence: Recurrence | None = None

    def mutes(self, labels: Labels, at: datetime) -> bool:
        return all_match(self.matchers, labels) and self.ends_after(at) is not None

    def ends_after(self, at: datetime) -> datetime | None:
        """The end of the quiet time around a moment; None if the silence does not hold then."""
        if not self.starts_at <= at < self.ends_at:
            return None
        if self.recurrence is None:
            return self.ends_at
        window = self.recurrence.window_before(at)
        if window is None or at >= window[1]:
            return None
        return min(window[1], self.ends_at)


def silence_of(labels: Labels, starts_at: datetime, ends_at: datetime, who: str, comment: str = "") -> Silence:
    """The silence of one alert: its labels and no others."""
    return Silence(
        tuple(Matcher(name, (value,)) for name, value in sorted(labels.items())), starts_at, ends_at, who, comment
    )


def is_muted(silences: Iterable[Silence], labels: Labels, at: datetime) -> bool:
    return any(silence.mutes(labels, at) for silence in silences)


def end_of_silence(silences: Sequence[Silence], labels: Labels, at: datetime) -> datetime | None:
    """The first moment at which one of the silences that mute an alert ends."""
    ends = (silence.ends_after(at) for silence in silences if silence.mutes(labels, at))
    return min((end for end in ends if end is not None), default=None)
