"""Outcomes of runs, read from Dagster's events: tables written, rows, checks, failures."""

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
    """The outcome of the steps of one or several runs. A step is a table, the checks of a table, or a report."""

    failures: list[tuple[str, SerializableErrorInfo]] = field(default_factory=list)
    """(step, error) of each failed step, and of failures of Dagster between steps."""
    replaced: list[str] = field(default_factory=list)
    """Tables and reports that were written, once for each partition."""
    not_run: list[str] = field(default_factory=list)
    """Keys of steps that did not begin, since a step before them failed."""
    rows: dict[str, int] = field(default_factory=dict)
    """Table or view -> rows written."""
    reports: list[Path] = field(default_factory=list)
    """HTML files that were written."""
    passed: int = 0
    """Number of checks that passed, once for each partition."""
    warned: list[str] = field(default_factory=list)
    """`table check` of each failed check of severity warn, once for each partition."""

    def take(self, event: dg.DagsterEvent, step: str) -> None:
        """Record an event of a step."""
        if event.event_type == DagsterEventType.ASSET_MATERIALIZATION:
            self.replaced.append(step)
            self._record_metadata(step, event.step_materialization_data.materialization.metadata)
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
        """Add the outcome of another run to this one."""
        self.failures += other.failures
        self.replaced += other.replaced
        self.not_run += other.not_run
        self.rows |= other.rows
        self.reports += other.reports
        self.passed += other.passed
        self.warned += other.warned

    def step_line(self, step: str, milliseconds: float) -> str:
        """The progress line of a finished step: its rows and its seconds."""
        rows = f"{counted(self.rows[step], 'row')} in " if step in self.rows else "done in "
        return f"{step}: {rows}{milliseconds / 1000:.1f} s"

    def summary(self) -> str:
        """Tables, rows, checks, warnings and reports in one line."""
        parts = [f"{counted(len(self.rows), 'table')} ({counted(sum(self.rows.values()), 'row')})"] if self.rows else []
        checks, warned = self.passed + len(self.warned), dict.fromkeys(self.warned)
        if checks:
            parts.append(f"{self.passed:,} of {counted(checks, 'check')} passed")
        if warned:
            # A check warns once for each partition: there can be more warnings than checks.
            of = f" of {counted(len(warned), 'check')}" if len(warned) < len(self.warned) else ""
            parts.append(f"{counted(len(self.warned), 'warning')}{of}: {shortened(list(warned))}")
        pages = len(set(self.reports))
        return "; ".join([*parts, *([counted(pages, "page") + " of reports written"] if pages else [])])

    def __str__(self) -> str:
        lines = [f"{step}: {_message(error)}" for step, error in self.failures]
        # The checks of a table that is not run are not listed: it goes without saying.
        left = {table_of_step(step) for step in self.not_run if not step.endswith(CHECKS_STEP)}
        if left:
            lines.append(f"Not run, so as before: {', '.join(sorted(left))}.")
        lines.append(f"Replaced by this run: {', '.join(sorted(set(self.replaced))) or 'nothing'}.")
        return "\n".join(lines)

    def _record_metadata(self, step: str, metadata: Mapping[str, Any]) -> None:
        for name in _ROWS:
            if name in metadata:
                self.rows[step] = self.rows.get(step, 0) + int(metadata[name].value)
        if "html" in metadata:
            self.reports.append(Path(str(metadata["html"].value)))


def table_of_step(step_key: str) -> str:
    """The table of a step key: `registry__x` -> `registry.x`; for the step of its checks `registry.x.checks`."""
    return step_key.replace("__", ".")


def root_cause(error: SerializableErrorInfo) -> SerializableErrorInfo:
    """The innermost cause of an error."""
    while error.cause is not None:
        error = error.cause
    return error


def _is_interruption(error: SerializableErrorInfo) -> bool:
    """Whether ^C made it; a library that waits in C may turn Dagster's exception into Python's own."""
    return error.cls_name in (DagsterExecutionInterruptedError.__name__, KeyboardInterrupt.__name__)


def _message(error: SerializableErrorInfo) -> str:
    """The message of the root cause."""
    root = root_cause(error)
    if _is_interruption(root):  # its own message is only its name
        return "interrupted; to go on, type the same command again"
    return root.message.strip()
