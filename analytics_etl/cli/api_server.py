"""The command `serve`: the dashboard and the API in the foreground."""

import signal
import socket

import click

from analytics_etl.cli.catalogs import read_catalog
from analytics_etl.cli.configured import read_settings
from analytics_etl.cli.terminal import out
from analytics_etl.cli.typed import PORT, Text
from analytics_etl.monitoring.host_guard import LOOPBACK
from analytics_etl.postgres import migrations


@click.command()
@click.option("--host", type=Text(), default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=PORT, default=8080, show_default=True)
def serve(host: str, port: int) -> None:
    """Serve the dashboard and the API on http://HOST:PORT until Ctrl-C; /docs describes the API's routes.

    Whoever asks needs a token (analytics-etl token create), or a JWT of the configured issuer. As long as there are
    neither, it listens on this machine only, and everybody here may ask everything.
    """
    from analytics_etl.api.app import application  # noqa: PLC0415 - only for this
    from analytics_etl.api.server import bound_silence, server_of  # noqa: PLC0415 - only for this

    settings = read_settings()
    read_catalog(settings)
    migrations.upgrade(settings)
    is_local = host in LOOPBACK
    try:
        app = application(settings, is_local=is_local, hosts=(host,))
    except ValueError as error:  # the file with keys
        raise click.ClickException(str(error)) from error
    access = app.state.serving.access
    if not is_local and not access.has_any():
        raise click.UsageError(
            f"on {host} others can reach the API, and there is no token yet: analytics-etl token create NAME --role "
            "viewer --expires 90, or set ANALYTICS_API_JWT_KEYS"
        )
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound_silence(listening)
        try:
            listening.bind((host, port))
        except (OSError, UnicodeError) as error:
            said = getattr(error, "strerror", None) or str(error)
            raise click.ClickException(f"cannot listen on {host}:{port}: {said}; try another --port") from error
        url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
        out.say(f"dashboard: {url}")
        out.say(f"API: {url}/api/v1/pipeline/days, its routes: {url}/docs")
        if access.is_open():
            out.say("no token was made: whoever is on this machine may ask and post everything")
        for number in (signal.SIGINT, signal.SIGTERM):  # the server ends by them, and then sends them again
            signal.signal(number, lambda *_: None)
        server_of(app).run(sockets=[listening])
    out.say("the API is stopped")
