"""The guard of Dagster's web server: it refuses requests for other hosts, however the server was started.

Dagster has no option for that. But the process of the web server opens our storage before it builds its application,
and the storage puts the guard in. This relies on `dagster_webserver.webserver.DagsterWebserver.build_middleware`; the
version is pinned.
"""

import sys
from typing import Any

from analytics_etl.config.settings import Settings
from analytics_etl.monitoring.host_guard import HostGuard

_MODULE = "dagster_webserver.webserver"


def guard_webserver() -> None:
    """If this process is Dagster's web server, make it refuse requests for other hosts than its own."""
    if _MODULE not in sys.modules:
        return
    from starlette.middleware import Middleware  # noqa: PLC0415 - only the web server needs it

    server: Any = sys.modules[_MODULE].DagsterWebserver
    plain = server.build_middleware
    if getattr(plain, "has_guard", False):
        return
    names = {*Settings.from_environment().allowed_hosts, _host_option(sys.argv)}

    def build_middleware(self: Any) -> list[Middleware]:
        return [Middleware(HostGuard, names=names), *plain(self)]

    build_middleware.has_guard = True  # type: ignore[attr-defined]
    server.build_middleware = build_middleware


def _host_option(arguments: list[str]) -> str:
    """The value of the option --host; empty without one."""
    for option, value in zip(arguments, [*arguments[1:], ""], strict=True):
        if option in ("-h", "--host"):
            return value
        if option.startswith("--host="):
            return option.removeprefix("--host=")
    return ""
