"""After a failed run: views, reports and index are brought up to date, so that they show the failure."""

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from analytics_etl.cli.explanations import explanation
from analytics_etl.config.settings import Settings

if TYPE_CHECKING:
    from analytics_etl.orchestration import runs


def refresh_after_failure(
    settings: Settings, error: "runs.RunFailedError", jobs: "Sequence[runs.Job]", step: "runs.Progress",
    tags: dict[str, str],
) -> str:  # fmt: skip
    """Refresh the views, `ops/days`, the reports of what failed and the index; return the message of the failure.

    When the refresh itself failed, or the command was interrupted, only the index is written; the hourly refresh does
    the rest.
    """
    from analytics_etl.orchestration import runs  # noqa: PLC0415 - Dagster takes seconds to import
    from analytics_etl.pipeline.jobs import VIEWS_JOB  # noqa: PLC0415 - only for this
    from analytics_etl.pipeline.reports import write_index  # noqa: PLC0415 - only for this

    is_refresh = error.job is not None and error.job.name == VIEWS_JOB
    reason: str | None = ""
    if not (error.is_interrupted or is_refresh):
        families = next((job.families for job in jobs), ())
        try:
            runs.execute(settings, [runs.Job(VIEWS_JOB, families=families)], step, tags)
        except Exception as second:
            reason = str(second) if isinstance(second, runs.RunFailedError) else explanation(second)
            if reason is None:
                raise
        else:
            return f"{error}\nBrought up to date all the same: the views, the reports of what failed and their index."
    with suppress(OSError):  # like a full disk: the message is about the first failure
        write_index(settings.reports_dir)
    return f"{error}\nNor could views and reports be brought up to date after it: {reason}" if reason else str(error)
