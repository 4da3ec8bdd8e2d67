"""What became of runs, read from Dagster's events: what was written, how many rows, which checks held, what failed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dagster as dg
from dagster import DagsterEventType

from analytics_etl.orchestration.checks import CHECKS_STEP
from analytics_etl.orchestration.dagster_private import DagsterExecutionInterruptedError, SerializableErrorInfo
from analytics_etl.text.english import counted, shortened

_ROWS = ("dagster/partition_row_count", "dagster/row_count")


@dataclass
class Outcome:
    """What became of the steps of one run, or of several: a step is a table, its checks, or a report."""

    failures: list[tuple[str, SerializableErrorInfo]] = field(default_factory=list)
    """The steps that failed with what they met, Dagster's own work between them included."""
    replaced: list[str] = field(default_factory=list)
    """Tables and reports that were written, a table as often as it has partitions."""
    not_run: list[str] = field(default_factory=list)
    """Steps that were not begun, since what they read failed."""
    rows: dict[str, int] = field(default_factory=dict)
    """Rows of the partitions of each table that were written, and of views."""
    reports: list[Path] = field(default_factory=list)
    """The pages that were written."""
    passed: int = 0
    """Checks that held."""
    warned: list[str] = field(default_factory=list)
    """Checks that did not hold and stop nothing, each with its table."""

    def take(self, event: dg.DagsterEvent, step: str) -> None:
        """Keep what an event tells of a step."""
        if event.event_type == DagsterEventType.ASSET_MATERIALIZATION:
            self.replaced.append(step)
            self._note(step, event.step_materialization_data.materialization.metadata)
        elif event.event_type == DagsterEventType.ASSET_CHECK_EVALUATION:
            evaluation = event.asset_check_evaluation_data
            self.passed += evaluation.passed
            if not evaluation.passed and evaluation.severity == dg.AssetCheckSeverity.WARN:
                self.warned.append(f"{'.'.join(evaluation.asset_key.path)} {evaluation.check_name}")
        elif event.event_type == DagsterEventType.STEP_FAILURE:
            error = event.step_failure_data.error
            self.failures.append((step, error or SerializableErrorInfo(str(event.message), [], None)))
        elif event.event_type == DagsterEventType.RUN_FAILURE and not self.failures:
            error = getattr(event.event_specific_data, "error", None)
            self.failures.extend([("between two steps", error)] if error else [])

    @property
    def is_interrupted(self) -> bool:
        return any(_is_interruption(root_cause(error)) for _, error in self.failures)

    def add(self, other: "Outcome") -> None:
        """Let this one tell of another run, too."""
        self.failures += other.failures
        self.replaced += other.replaced
        self.not_run += other.not_run
        self.rows |= other.rows
        self.reports += other.reports
        self.passed += other.passed
        self.warned += other.warned

    def step_line(self, step: str, milliseconds: float) -> str:
        """A step that is done: its rows, and how long it took."""
        rows = f"{counted(self.rows[step], 'row')} in " if step in self.rows else "done in "
        return f"{step}: {rows}{milliseconds / 1000:.1f} s"

    def summary(self) -> str:
        """Tables, rows, checks, warnings and reports in one line."""
        said = [f"{counted(len(self.rows), 'table')} ({counted(sum(self.rows.values()), 'row')})"] if self.rows else []
        checks, warned = self.passed + len(self.warned), dict.fromkeys(self.warned)
        if checks:
            said.append(f"{self.passed:,} of {counted(checks, 'check')} passed")
        if warned:
            # A check warns once for each partition, so that there can be more warnings than names of checks.
            of = f" of {counted(len(warned), 'check')}" if len(warned) < len(self.warned) else ""
            said.append(f"{counted(len(self.warned), 'warning')}{of}: {shortened(list(warned))}")
        pages = len(set(self.reports))
        return "; ".join([*said, *([counted(pages, "page") + " of reports written"] if pages else [])])

    def __str__(self) -> str:
        said = [f"{step}: {_message(error)}" for step, error in self.failures]
        # That the checks of a table which is not run are not run either goes without saying.
        left = {table_of_step(step) for step in self.not_run if not step.endswith(CHECKS_STEP)}
        if left:
            said.append(f"Not run, so as before: {', '.join(sorted(left))}.")
        said.append(f"Replaced by this run: {', '.join(sorted(set(self.replaced))) or 'nothing'}.")
        return "\n".join(said)

    def _note(self, step: str, metadata: Mapping[str, Any]) -> None:
        for name in _ROWS:
            if name in metadata:
                self.rows[step] = self.rows.get(step, 0) + int(metadata[name].value)
        if "html" in metadata:
            self.reports.append(Path(str(metadata["html"].value)))


def table_of_step(step_key: str) -> str:
    """A step as its table is called."""
    return step_key.replace("__", ".")


def root_cause(error: SerializableErrorInfo) -> SerializableErrorInfo:
    """What went wrong first."""
    while error.cause is not None:
        error = error.cause
    return error


def _is_interruption(error: SerializableErrorInfo) -> bool:
    return error.cls_name == DagsterExecutionInterruptedError.__name__


def _message(error: SerializableErrorInfo) -> str:
    """What an error says at its root."""
    root = root_cause(error)
    if _is_interruption(root):  # it says nothing but its name
        return "interrupted; to go on, type the same command again"
    return root.message.strip()
