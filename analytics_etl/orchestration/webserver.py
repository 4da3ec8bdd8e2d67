"""Dagster's web server with our guard before it, however it was started.

It has no option for that. Its programs start it as a process of its own, which opens our storage before it builds the
application: from there the guard is put in. Relies on `dagster_webserver.webserver.DagsterWebserver.build_middleware`;
the version is pinned.
"""

import sys
from typing import Any

from analytics_etl.config.settings import Settings
from analytics_etl.monitoring.hosts import HostGuard

_MODULE = "dagster_webserver.webserver"


def guard_webserver() -> None:
    """If this process is Dagster's web server, let it refuse requests for other hosts than its own."""
    if _MODULE not in sys.modules:
        return
    from starlette.middleware import Middleware  # noqa: PLC0415 - only the web server needs it

    server: Any = sys.modules[_MODULE].DagsterWebserver
    plain = server.build_middleware
    if getattr(plain, "has_guard", False):
        return
    names = {*Settings.from_environment().allowed_hosts, _bound_to(sys.argv)}

    def build_middleware(self: Any) -> list[Middleware]:
        return [Middleware(HostGuard, names=names), *plain(self)]

    build_middleware.has_guard = True  # type: ignore[attr-defined]
    server.build_middleware = build_middleware


def _bound_to(arguments: list[str]) -> str:
    """The host that the server's options name."""
    for option, value in zip(arguments, [*arguments[1:], ""], strict=True):
        if option in ("-h", "--host"):
            return value
        if option.startswith("--host="):
            return option.removeprefix("--host=")
    return ""
