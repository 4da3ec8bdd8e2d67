"""Commands that start and stop servers: Dagster's own programs, the embedded database."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from analytics_etl import embedded
from analytics_etl.cli.terminal import out
from analytics_etl.cli.typed import PORT
from analytics_etl.settings import CHECKOUT, Settings


@click.command()
@click.option("--port", type=PORT, default=3000, show_default=True)
def ui(port: int) -> None:
    """Start the Dagster UI with its daemon, on http://127.0.0.1:PORT, on the right database and home.

    Stays in the foreground; stop it with Ctrl-C. Schedules and backfills run as long as it does.
    """
    settings = Settings.from_environment()
    out.say(f"Dagster UI: http://127.0.0.1:{port}")
    # Its advice to type `dg dev` is for projects that are laid out for it.
    quietly = ("-W", "ignore:Function `dev_command` is superseded")
    workspace = str(CHECKOUT / "workspace.yaml")
    _dagster(
        "dagster", "dev", "-w", workspace, "-h", "127.0.0.1", "-p", str(port), settings=settings, python_options=quietly
    )


@click.command(name="exec", context_settings={"ignore_unknown_options": True, "help_option_names": ["--help"]})
@click.argument("command", nargs=-1, required=True)
def execute(command: Sequence[str]) -> None:
    """Run one of Dagster's own programs on the right database and home, for services.

    For example: analytics-etl exec dagster-daemon run -w workspace.yaml
    """
    _dagster(*command, settings=Settings.from_environment())


@click.command()
def stop() -> None:
    """Stop the embedded database server."""
    stopped = embedded.stop(Settings.from_environment().home)
    out.say("stopped" if stopped else "it was not running")


def _dagster(program: str, *arguments: str, settings: Settings, python_options: Sequence[str] = ()) -> None:
    from analytics_etl.runs import environment_for  # noqa: PLC0415 - Dagster takes seconds to import

    path = Path(sys.executable).parent / program
    is_name = program == path.name and "\0" not in "".join([program, *arguments])
    if not is_name or not os.path.isfile(path):  # noqa: PTH113 - does not raise for a name that is too long
        raise click.UsageError(f"there is no program {program} beside {sys.executable}")
    command = [sys.executable, *python_options, str(path), *arguments]
    os.execve(sys.executable, command, environment_for(settings))  # noqa: S606 - our own programs
