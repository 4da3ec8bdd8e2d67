"""What a command does after a run that failed, so that nothing looks better than it is."""

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from analytics_etl.cli.explanations import explanation
from analytics_etl.config.settings import Settings

if TYPE_CHECKING:
    from analytics_etl.orchestration import runs


def told_after_failure(
    settings: Settings, error: "runs.RunFailedError", jobs: "Sequence[runs.Job]", step: "runs.Progress",
    tags: dict[str, str],
) -> str:  # fmt: skip
    """Bring the views, `ops/days`, the reports of what failed and the index up to date; returns what to say of it all.

    Not when that is what failed. Who interrupted a command wants it to end: then only the index lists the reports that
    are there, and the hourly refresh does the rest.
    """
    from analytics_etl.orchestration import runs  # noqa: PLC0415 - Dagster takes seconds to import
    from analytics_etl.pipeline.jobs import VIEWS_JOB  # noqa: PLC0415 - only for this
    from analytics_etl.pipeline.reports import write_index  # noqa: PLC0415 - only for this

    is_refresh = error.job is not None and error.job.name == VIEWS_JOB
    said: str | None = ""
    if not (error.is_interrupted or is_refresh):
        families = next((job.families for job in jobs), ())
        try:
            runs.execute(settings, [runs.Job(VIEWS_JOB, families=families)], step, tags)
        except Exception as second:
            said = str(second) if isinstance(second, runs.RunFailedError) else explanation(second)
            if said is None:
                raise
        else:
            return f"{error}\nBrought up to date all the same: the views, the reports of what failed and their index."
    with suppress(OSError):  # say, a full disk: what failed first is what must be told
        write_index(settings.reports_dir)
    return f"{error}\nNor could views and reports be brought up to date after it: {said}" if said else str(error)
