"""Commands that start and stop servers: Dagster's own programs, the embedded database."""

import os
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from analytics_etl.cli import foreground
from analytics_etl.cli.configured import read_settings
from analytics_etl.cli.terminal import out
from analytics_etl.cli.typed import PORT
from analytics_etl.config.settings import PROJECT, Settings
from analytics_etl.postgres import server as embedded


@click.command()
@click.option("--port", type=PORT, default=3000, show_default=True)
def ui(port: int) -> None:
    """Start the Dagster UI with its daemon, on http://127.0.0.1:PORT, on the right database and home.

    Says its URL when it answers. Stays in the foreground; stop it with Ctrl-C, or `kill` when it was started in the
    background. Schedules and backfills run as long as it does.
    """
    settings = read_settings()
    _refuse_taken(port)
    out.say("starting, which takes some seconds")
    # Dagster advises to type `dg dev`, which works only for projects laid out for it.
    quietly = ("-W", "ignore:Function `dev_command` is superseded")
    workspace = str(PROJECT / "workspace.yaml")
    command = _command(
        "dagster", "dev", "-w", workspace, "-h", "127.0.0.1", "-p", str(port), python_options=quietly
    )  # fmt: skip
    code = foreground.serve(command, _environment(settings), f"http://127.0.0.1:{port}", settings.home)
    if code:
        raise click.ClickException(f"the UI ended with exit code {code}; what it printed above says why")
    out.say("the UI is stopped")


def _refuse_taken(port: int) -> None:
    with socket.socket() as attempt:
        attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            attempt.bind(("127.0.0.1", port))
        except OSError as error:
            raise click.ClickException(
                f"port {port} of 127.0.0.1 cannot be used ({error.strerror}): is a UI running already? Another one: "
                f"analytics-etl ui --port {port % 65_535 + 1}"
            ) from error


@click.command(name="exec", context_settings={"ignore_unknown_options": True, "help_option_names": ["--help"]})
@click.argument("command", nargs=-1, required=True)
def execute(command: Sequence[str]) -> None:
    """Run one of Dagster's own programs on the right database and home, for services.

    For example: analytics-etl exec dagster-daemon run -w workspace.yaml
    """
    _dagster(*command)


@click.command()
@click.option("--force", is_flag=True, help="Also while a UI uses it, which starts it again.")
def stop(force: bool) -> None:  # noqa: FBT001 - click passes it by name
    """Stop the embedded database server; refused as long as a UI uses it, which would start it again."""
    home = read_settings().home
    if (ui_there := foreground.running(home)) is not None and not force:
        raise click.ClickException(
            f"a UI uses the database and would start it again: {ui_there.url}, process {ui_there.process}; nothing was "
            f"stopped. Stop it first, with Ctrl-C or `kill {ui_there.process}`, then type this again; or add --force"
        )
    out.say("stopped" if embedded.stop(home) else "it was not running")


def _dagster(program: str, *arguments: str) -> None:
    """Replace this process by one of Dagster's programs."""
    command = _command(program, *arguments)
    os.execve(sys.executable, command, _environment(read_settings()))  # noqa: S606 - our own programs


def _environment(settings: Settings) -> dict[str, str]:
    from analytics_etl.orchestration.instance import environment_for  # noqa: PLC0415 - Dagster takes seconds to import

    return environment_for(settings)


def _command(program: str, *arguments: str, python_options: Sequence[str] = ()) -> list[str]:
    path = Path(sys.executable).parent / program
    is_name = program == path.name and "\0" not in "".join([program, *arguments])
    if not is_name or not os.path.isfile(path):  # noqa: PTH113 - does not raise for a name that is too long
        raise click.UsageError(f"there is no program {program} beside {sys.executable}")
    return [sys.executable, *python_options, str(path), *arguments]
