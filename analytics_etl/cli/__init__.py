"""The command `analytics-etl`. Each command reads its arguments, calls a use case, and prints.

Each subject has a module, which is imported when its command is typed: most imports are slow. Not here: whatever is
useful without a terminal.
"""

import gc
import importlib
import sys
from collections.abc import Iterator, MutableMapping
from typing import Any

import click

from analytics_etl.cli.examples import move_days, move_own_days
from analytics_etl.cli.interruption import interruption
from analytics_etl.cli.terminal import Styled, err, robust_output, show_error

COMMANDS = {
    "demo": ("samples", "demo", "Make sample events, run them, say where the report is."),
    "run": ("days", "run", "Load, aggregate, check and report one day."),
    "backfill": ("days", "backfill", "Run a range of days, or whatever is missing."),
    "reopen": ("days", "reopen", "Load the late rows of a day that is final."),
    "drop": ("dropping", "drop", "Undo days: as if they had never been run."),
    "accept-gap": ("gaps", "accept_gap", "Say that there is no data of some days."),
    "status": ("inspection", "status", "Print which day of which table is in which state."),
    "changes": ("changes", "changes", "Show how published numbers changed afterwards."),
    "alerts": ("alerts", "alerts", "List, acknowledge, resolve and silence alerts; try a rule."),
    "anomalies": ("anomalies", "anomalies", "List anomalies, confirm or dismiss them."),
    "query": ("query", "query", "Ask the tables of a family."),
    "sql": ("sql", "sql", "Ask all tables by a SELECT of your own, or at a prompt."),
    "check-schema": ("schema_check", "check_schema", "Say what a version of a schema would break."),
    "import-schemas": ("schema_import", "import_schemas", "Write a history of schemas as events of versions."),
    "forget": ("files", "forget", "Take a landing file that is gone out of the ledger."),
    "archive": ("upkeep", "archive", "Archive old raw days, empty old personal columns."),
    "restore": ("upkeep", "restore", "Bring an archived day back into its table."),
    "report": ("reports", "report", "Write a report from what the tables hold now."),
    "export": ("exports", "export", "Write aggregates as files for a static host."),
    "ui": ("servers", "ui", "Start the Dagster UI with its daemon."),
    "serve": ("api_server", "serve", "Serve the dashboard and the API."),
    "token": ("tokens", "token", "Make, list and revoke tokens of the API."),
    "exec": ("servers", "execute", "Run one of Dagster's own programs, for services."),
    "stop": ("servers", "stop", "Stop the embedded database server."),
    "doctor": ("inspection", "doctor", "Look for what is wrong and say what to type."),
    "metrics": ("inspection", "metrics", "Print or serve Prometheus metrics."),
    "prune": ("upkeep", "prune", "Remove old runs and event logs from Dagster."),
    "notify": ("notifications", "notify", "Tell the owners of tables what went wrong."),
    "watchdog": ("inspection", "watchdog", "Compute some cells again by another engine."),
    "db-url": ("database", "db_url", "Print the URL of the database."),
    "migrate": ("database", "migrate", "Bring the database to the newest revision."),
    "sample": ("samples", "sample", "Make sample events."),
    "new-family": ("scaffold", "new_family", "Write the files of a new family of events."),
}
"""Command -> (module, function, line in the help), in the order of a day's work."""


class _Imported(MutableMapping[str, click.Command]):
    """The commands by name; each is imported at its first use."""

    def __init__(self) -> None:
        self._known: dict[str, click.Command] = {}

    def __getitem__(self, name: str) -> click.Command:
        if name not in self._known:
            module, attribute, line = COMMANDS[name]
            command: click.Command = getattr(importlib.import_module(f"analytics_etl.cli.{module}"), attribute)
            command.short_help = line
            move_days(command)
            self._known[name] = command
        return self._known[name]

    def __setitem__(self, name: str, command: click.Command) -> None:
        self._known[name] = command

    def __delitem__(self, name: str) -> None:
        del self._known[name]

    def __iter__(self) -> Iterator[str]:
        return iter(COMMANDS)

    def __len__(self) -> int:
        return len(COMMANDS)


class Commands(click.Group):
    """Imports a command when it is typed, and turns known errors into one message and exit code 1."""

    def __init__(self, *args: Any, **extra: Any) -> None:
        super().__init__(*args, **extra)
        self.commands = _Imported()

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(COMMANDS)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing any of them."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, _, line) in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            err.say(interruption(ctx))
            ctx.exit(1)
        except Exception as error:
            from analytics_etl.cli.explanations import explanation  # noqa: PLC0415 - only for what goes wrong

            said = explanation(error)
            if said is None:
                raise
            err.say_lines(said, Styled("Error:", "bold red"), " ")
            ctx.exit(1)

    def main(self, *args: Any, **extra: Any) -> Any:
        """Run a command and end the process: 0, 1 for what went wrong, 2 for what was typed wrongly."""
        # Imports make millions of objects that stay: to look for garbage among them takes a second of a short run. So
        # it is said before the command is imported.
        gc.set_threshold(100_000, 50, 50)
        with robust_output():
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


move_own_days(main)
