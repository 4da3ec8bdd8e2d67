"""The one interface of all methods, and the default detector behind it (`rules` has the others)."""

from dataclasses import dataclass, field
from typing import Protocol

from analytics_etl.signals.anomalies.context import NOTHING_KNOWN, Context
from analytics_etl.signals.anomalies.detector import DEFAULT_SENSITIVITY, Sensitivity, detect
from analytics_etl.signals.anomalies.scores import Scores
from analytics_etl.signals.anomalies.state import VERSION, State
from analytics_etl.signals.series import Series


class Method(Protocol):
    """Scores a series by what came before; states are bytes of its own."""

    @property
    def name(self) -> str:
        """With its version."""

    def detect(self, series: Series, state: bytes | None, context: Context = NOTHING_KNOWN) -> tuple[Scores, bytes]:
        """Score the points that come after those of the state."""


@dataclass(frozen=True)
class Novelty:
    """The default detector."""

    sensitivity: Sensitivity = DEFAULT_SENSITIVITY
    name: str = field(default=VERSION, init=False)

    def detect(self, series: Series, state: bytes | None, context: Context = NOTHING_KNOWN) -> tuple[Scores, bytes]:
        """As `detector.detect`."""
        before = None if state is None else State.from_bytes(state)
        scores, after = detect(series, before, context, self.sensitivity)
        return scores, after.to_bytes()
