"""The application: routes, middleware and what they share. Not here: the server that it runs on."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

import anyio.to_thread
from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.staticfiles import StaticFiles

from analytics_etl.api import openapi, problems
from analytics_etl.api.access import Access
from analytics_etl.api.guard import Guard
from analytics_etl.api.live.hub import Hub
from analytics_etl.api.pages import STATIC
from analytics_etl.api.routes import (
    administration,
    alert_pages,
    alert_rules,
    alerts,
    anomalies,
    dashboard,
    landing,
    live,
    meta,
    modules,
    pipeline,
    platform,
    registry,
    revisions,
    schedules,
    services,
    usage,
)
from analytics_etl.api.serving import Serving
from analytics_etl.api.versions import Memory, Versions
from analytics_etl.catalog.file_marks import FILES
from analytics_etl.config.settings import Settings
from analytics_etl.monitoring.host_guard import HostGuard
from analytics_etl.pipeline.announcing import Announcer
from analytics_etl.pipeline.posting import Posting
from analytics_etl.postgres.database import Database

MOST_THREADS = 7
"""Requests that are computed at once, and the others wait: one less than there are connections in the pool, which is
left for tokens and versions."""
_SECONDS_BETWEEN_LOOKS = 1.0
"""At files of the catalogue."""
_SWITCH_SECONDS = 0.001
"""After so long a thread that computes lets the one go on that answers; 5 ms each would be felt with seven of them."""
_GZIP_BYTES = 1_000
_DESCRIPTION = (
    "Usage of a schema registry and its services, from tables that are checked. Times are UTC; days that are not "
    "final may still change. A token goes into the header Authorization: Bearer …"
)
_GROUPS = (
    *(
        meta,
        registry,
        modules,
        usage,
        schedules,
        services,
        platform,
        alerts,
        anomalies,
        pipeline,
        landing,
        live,
        dashboard,
    ),
    alert_pages,
)
ROUTERS = (
    administration.runs, administration.cleaning, revisions.routes, alert_rules.routes, alert_rules.acts,
    *(group.routes for group in _GROUPS),
)  # fmt: skip


def application(settings: Settings, *, is_local: bool, hosts: tuple[str, ...] = ()) -> FastAPI:
    """The API. `is_local`: only this machine can reach it, so that it may be open; `hosts` are names it goes by."""
    app = FastAPI(
        title="analytics_etl", version=version("analytics-etl"), description=_DESCRIPTION, lifespan=_lifespan,
        docs_url=None, redoc_url=None,
    )  # fmt: skip
    announcer = Announcer(Database(settings))
    app.state.announcer = announcer
    app.state.serving = Serving(
        settings, Access(settings, is_local=is_local), Versions(settings), Memory(),
        Posting(settings, announcer.written), Hub(settings),
    )  # fmt: skip
    for routes in ROUTERS:
        app.include_router(routes)
    app.mount("/static", StaticFiles(directory=STATIC), "static")
    problems.handle(app)
    openapi.install(app, settings)
    # The last one added is asked first.
    app.add_middleware(GZipMiddleware, minimum_size=_GZIP_BYTES)
    origins = settings.api_cors_origins
    if origins:
        app.add_middleware(
            CORSMiddleware, allow_origins=origins, allow_methods=["GET"], allow_headers=["Authorization"],
            expose_headers=["ETag", "X-Cache", "X-Next-Cursor", "RateLimit-Remaining"],
        )  # fmt: skip
    app.add_middleware(Guard, allows_origins=bool(origins))
    app.add_middleware(HostGuard, names={*settings.allowed_hosts, *hosts})
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    anyio.to_thread.current_default_thread_limiter().total_tokens = MOST_THREADS
    posting: Posting = app.state.serving.posting
    announcer: Announcer = app.state.announcer
    await anyio.to_thread.run_sync(posting.start)
    announcer.start()
    before = sys.getswitchinterval()
    sys.setswitchinterval(_SWITCH_SECONDS)
    with FILES.looking_every(_SECONDS_BETWEEN_LOOKS):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(app.state.serving.hub.run)
            yield
            tasks.cancel_scope.cancel()
    sys.setswitchinterval(before)
    await anyio.to_thread.run_sync(posting.close)
    await anyio.to_thread.run_sync(announcer.close)
