"""The command `analytics-etl`. Thin: each command reads arguments, calls, and prints.

A module for each subject. Not here: anything that can be asked for otherwise than by typing. What is slowest to import
(Dagster, Great Expectations) is imported by the command that needs it.
"""

import gc
import sys
from typing import Any

import click

from analytics_etl.cli.changes import changes
from analytics_etl.cli.database import db_url, migrate
from analytics_etl.cli.days import backfill, reopen, run
from analytics_etl.cli.dropping import drop
from analytics_etl.cli.examples import put_days_of_today
from analytics_etl.cli.files import forget
from analytics_etl.cli.gaps import accept_gap
from analytics_etl.cli.inspection import doctor, metrics, status, watchdog
from analytics_etl.cli.interruption import interruption
from analytics_etl.cli.notices import notify
from analytics_etl.cli.query import query
from analytics_etl.cli.reports import report
from analytics_etl.cli.samples import demo, sample
from analytics_etl.cli.scaffold import new_family
from analytics_etl.cli.services import execute, stop, ui
from analytics_etl.cli.terminal import Styled, err, explanation, show_error, speaking
from analytics_etl.cli.upkeep import archive, prune, restore


class Commands(click.Group):
    """Lists the commands in the order of a day's work, and turns known errors into one message and exit code 1."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            err.say(interruption(ctx))
            ctx.exit(1)
        except Exception as error:
            said = explanation(error)
            if said is None:
                raise
            err.say_lines(said, Styled("Error:", "bold red"), " ")
            ctx.exit(1)

    def main(self, *args: Any, **extra: Any) -> Any:
        """Run a command and end the process: 0, 1 for what went wrong, 2 for what was typed wrongly."""
        with speaking():
            try:
                code = super().main(*args, **{**extra, "standalone_mode": False})
            except click.ClickException as error:
                show_error(error)
                code = error.exit_code
            except click.Abort:
                err.say("Aborted!")
                code = 1
        sys.exit(code or 0)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="analytics-etl")
def main() -> None:
    r"""Usage analytics of a schema registry: raw event files in, aggregates, checks and reports out.

    Start with `analytics-etl demo`, which needs nothing, then `analytics-etl ui`. With events of your own: put files
    below landing/<table>/, then `analytics-etl run 2025-03-31`. All days are UTC days. The environment variables that
    configure it stand in docs/configuration.md.

    Exit code 0: done. 1: something went wrong, or a setting cannot be used. 2: it was typed wrongly. What an event, a
    file name or an error holds is shown, never interpreted: \x1b is a character that a terminal would act on.
    """
    # Millions of objects are made by imports and stay: looking for garbage among them takes a second of a short run.
    gc.set_threshold(100_000, 50, 50)


for command in (
    *(
        demo,
        run,
        backfill,
        reopen,
        drop,
        accept_gap,
        status,
        changes,
        query,
        forget,
        archive,
        restore,
        report,
        ui,
        execute,
        stop,
    ),
    *(doctor, metrics, prune, notify, watchdog, db_url, migrate, sample, new_family),
):
    main.add_command(command)
put_days_of_today(main)
