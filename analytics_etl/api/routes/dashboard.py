"""The dashboard's requests: its pages, the CSV of their tables, signing in, the reports' files."""

from collections.abc import Callable, Coroutine
from typing import Annotated, Any, ClassVar
from urllib.parse import parse_qs
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from analytics_etl.api.access import COOKIE, LONGEST_TOKEN
from analytics_etl.api.dashboard import pipeline, registry, schedules, services, signals, usage
from analytics_etl.api.dashboard.values import Page, Question
from analytics_etl.api.pages.dashboard import USUAL_PERIOD, Period, html_of, message
from analytics_etl.api.problems import Problem
from analytics_etl.api.serving import STATEMENT_SECONDS, Cursor, Route, Serving
from analytics_etl.families.queries import QueryError
from analytics_etl.families.queries.texts import check_texts
from analytics_etl.families.queries.written import csv_of
from analytics_etl.postgres.database import Database
from analytics_etl.reporting import render

ROWS_OF_CSV = 10_000
_SECONDS_SIGNED_IN = 12 * 3_600

Text = Annotated[str, Query(max_length=1_000)]
Search = Annotated[str, Query(max_length=200)]
Tenant = Annotated[str | None, Query(max_length=200)]


class Asked:
    """What a request for a page has: a database that answers within its time, and how to answer."""

    def __init__(
        self, request: Request, period: Annotated[Period, Query()] = USUAL_PERIOD,
        csv: Annotated[str | None, Query(max_length=100)] = None,
    ) -> None:  # fmt: skip
        self.period, self.csv = period, csv
        settings, tenant_id = Serving.of(request).settings, request.state.identity.tenant_id
        self._database = Database(settings, seconds=STATEMENT_SECONDS, tenant_id=tenant_id)

    def question(self, cursor: str | None = None, search: str = "", tenant: str | None = None) -> Question:
        """What the page is asked; its CSV has more rows."""
        check_texts({"tenant": tenant})
        limit = ROWS_OF_CSV if self.csv else Question.limit
        return Question(self._database, self.period, limit, None if self.csv else cursor, search.strip(), tenant)

    def show(self, page: Page) -> Response:
        """The page, or the CSV of one of its tables."""
        if self.csv is None:
            return HTMLResponse(html_of(page, self.period))
        for table in (section.table for section in page.sections):
            if table.name == self.csv:
                columns = list(table.rows[0]) if table.rows else list(table.labels)
                headers = {"Content-Disposition": f'attachment; filename="{table.name}.csv"'}
                return Response(csv_of(columns, table.rows).encode(), 200, headers, "text/csv")
        raise Problem(404, "the page has no such table")


class PageRoute(Route):
    """A route that a browser asks: the token may be in a cookie, and what is wrong is said in a page."""

    family: ClassVar[str | None] = None

    @staticmethod
    def authorization(request: Request) -> str | None:
        """The header Authorization, or the token that the browser keeps."""
        given, kept = request.headers.get("authorization"), request.cookies.get(COOKIE)
        return given or (f"Bearer {kept}" if kept else None)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def answered(request: Request) -> Response:
            try:
                return await handle(request)
            except Problem as problem:
                if problem.status_code == 401:  # noqa: PLR2004
                    return _sign_in_page(401)
                return HTMLResponse(message("This cannot be shown", problem.detail), problem.status_code)
            except (QueryError, RequestValidationError) as error:
                detail = str(error) if isinstance(error, QueryError) else "The address is not one of this dashboard."
                return HTMLResponse(message("This cannot be shown", detail), 422)

        return answered


def _router(family: str | None, *, is_of_tenants: bool = False) -> APIRouter:
    """A router of pages about a family, which are remembered until its tables change."""
    kind = type("FamilyPageRoute", (PageRoute,), {"family": family, "is_of_tenants": is_of_tenants})
    return APIRouter(route_class=kind, include_in_schema=False)


_registry = _router("registry")


@_registry.get("/")
def overview(asked: Annotated[Asked, Depends()]) -> Response:
    """The registry as a whole."""
    return asked.show(registry.overview(asked.question()))


@_registry.get("/modules")
def modules(asked: Annotated[Asked, Depends()], q: Search = "", cursor: Cursor = None) -> Response:
    """All modules, in pages."""
    return asked.show(registry.modules(asked.question(cursor, q)))


@_registry.get("/module")
def module(asked: Annotated[Asked, Depends()], name: Text) -> Response:
    """One module."""
    return asked.show(registry.module(asked.question(), name))


@_registry.get("/organizations")
def organizations(asked: Annotated[Asked, Depends()], cursor: Cursor = None) -> Response:
    """All organisations, in pages."""
    return asked.show(registry.organizations(asked.question(cursor)))


@_registry.get("/organization")
def organization(asked: Annotated[Asked, Depends()], id: Text) -> Response:  # noqa: A002 - the parameter's name
    """One organisation."""
    return asked.show(registry.organization(asked.question(), id))


_usage = _router("usage")


@_usage.get("/schemas")
def schemas(asked: Annotated[Asked, Depends()], q: Search = "", cursor: Cursor = None) -> Response:
    """All schemas."""
    return asked.show(usage.schemas(asked.question(cursor, q)))


@_usage.get("/schema")
def schema(asked: Annotated[Asked, Depends()], id: UUID) -> Response:  # noqa: A002 - the parameter's name
    """One schema."""
    return asked.show(usage.schema(asked.question(), id))


_schedules = _router("schedules")


@_schedules.get("/schedules")
def all_schedules(asked: Annotated[Asked, Depends()], q: Search = "") -> Response:
    """All schedules; a search goes to the one with that id."""
    question = asked.question(search=q)
    if question.search:
        return RedirectResponse(question.link("/schedule", id=question.search), 303)
    return asked.show(schedules.overview(question))


@_schedules.get("/schedule")
def schedule(asked: Annotated[Asked, Depends()], id: Text, cursor: Cursor = None) -> Response:  # noqa: A002 - its name
    """One schedule."""
    return asked.show(schedules.schedule(asked.question(cursor), id))


_services = _router("services")


@_services.get("/services")
def all_services(asked: Annotated[Asked, Depends()]) -> Response:
    """All services."""
    return asked.show(services.overview(asked.question()))


@_services.get("/service")
def service(asked: Annotated[Asked, Depends()], id: Text) -> Response:  # noqa: A002 - the parameter's name
    """One service."""
    return asked.show(services.service(asked.question(), id))


_platform = _router("platform", is_of_tenants=True)


@_platform.get("/tenants")
def tenants(asked: Annotated[Asked, Depends()], tenant: Tenant = None) -> Response:
    """All tenants, or the one that was chosen."""
    return asked.show(services.tenants(asked.question(tenant=tenant)))


@_platform.get("/tenant")
def tenant(asked: Annotated[Asked, Depends()], id: Text) -> Response:  # noqa: A002 - the parameter's name
    """One tenant."""
    return asked.show(services.tenants(asked.question(), id))


_books = _router(None)


@_books.get("/pipeline")
def states(asked: Annotated[Asked, Depends()]) -> Response:
    """The pipeline."""
    return asked.show(pipeline.pipeline(asked.question()))


@_books.get("/signals")
def unusual(asked: Annotated[Asked, Depends()]) -> Response:
    """Anomalies and forecasts."""
    return asked.show(signals.overview(asked.question()))


@_books.get("/reports")
def reports(asked: Annotated[Asked, Depends()]) -> Response:
    """The list of reports."""
    return asked.show(pipeline.reports(asked.question()))


@_books.get("/reports/{path:path}")
def report(request: Request, path: str) -> Response:
    """A file of the reports, as it was written."""
    folder = Serving.of(request).settings.reports_dir.resolve()
    file = (folder / path).resolve() if "\0" not in path else folder
    if not file.is_relative_to(folder) or file.suffix not in (".html", ".json") or not file.is_file():
        raise Problem(404, "there is no such report")
    policy = (
        f"default-src 'none'; style-src 'unsafe-inline'; script-src '{render.script_hash()}'; frame-ancestors 'none'"
    )
    return FileResponse(file, headers={"Content-Security-Policy": policy})


_open = APIRouter(include_in_schema=False)


@_open.get("/dashboard/reports.css")
def reports_css() -> Response:
    """The style sheet of reports."""
    return Response(render.style_sheet(), 200, {"Cache-Control": "no-cache"}, "text/css")


@_open.get("/sign-in")
def sign_in_page() -> Response:
    """The form that asks for a token."""
    return _sign_in_page(200, "The dashboard shows what a token may read.")


@_open.post("/sign-in")
async def sign_in(request: Request) -> Response:
    """Keep a token in the browser, if it may read."""
    token = parse_qs((await request.body()).decode(errors="replace")).get("token", [""])[0].strip()
    access = Serving.of(request).access
    try:
        identity = await run_in_threadpool(access.identify, f"Bearer {token[: LONGEST_TOKEN + 1]}")
    except Problem as problem:
        return _sign_in_page(problem.status_code, str(problem.detail))
    if not identity.may("read"):
        return _sign_in_page(403, f"the role {identity.role} may not read")
    response = RedirectResponse("/" if identity.tenant_id is None else "/tenants", 303)
    response.set_cookie(
        COOKIE, token, _SECONDS_SIGNED_IN, httponly=True, samesite="strict", secure=request.url.scheme == "https"
    )
    return response


@_open.post("/sign-out")
def sign_out() -> Response:
    """Forget the token that the browser keeps."""
    response = RedirectResponse("/sign-in", 303)
    response.delete_cookie(COOKIE, httponly=True, samesite="strict")
    return response


def _sign_in_page(status: int, detail: str = "A token is needed to see this.") -> Response:
    return HTMLResponse(message("Sign in", detail, asks_for_token=True), status, {"Cache-Control": "no-store"})


routes = APIRouter()
for _group in (_registry, _usage, _schedules, _services, _platform, _books, _open):
    routes.include_router(_group)
