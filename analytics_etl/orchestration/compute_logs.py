"""Dagster's capture of what steps print, with helper processes that ignore Ctrl-C.

A terminal sends Ctrl-C to all processes of a command. Dagster's helpers would answer with tracebacks before the command
can say what was interrupted; Dagster ends them itself anyway.
"""

import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from dagster import StringSource

from analytics_etl.orchestration.dagster_private import (
    CapturedLogContext,
    ConfigurableClassData,
    LocalComputeLogManager,
)


class ShieldedComputeLogManager(LocalComputeLogManager):
    """Dagster's manager of compute logs, whose helper processes start with SIGINT blocked."""

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        return {"home": StringSource}

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> "ShieldedComputeLogManager":
        """Keep the files where Dagster does by default, below its home."""
        return cls(base_dir=str(Path(config_value["home"]) / "storage"), inst_data=inst_data)

    @contextmanager
    def capture_logs(self, log_key: Sequence[str]) -> Iterator[CapturedLogContext]:
        """Capture what is printed during the block."""
        with ExitStack() as stack:
            before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
            try:
                context = stack.enter_context(super().capture_logs(log_key))
            finally:  # a SIGINT that came meanwhile reaches this process now
                signal.pthread_sigmask(signal.SIG_SETMASK, before)
            yield context
