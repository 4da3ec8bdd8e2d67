"""Routes about the server itself: whether it lives, whether it can answer, its documentation."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from analytics_etl.api.pages import docs_page
from analytics_etl.api.problems import Problem, documented
from analytics_etl.api.serving import Serving
from analytics_etl.postgres import migrations

routes = APIRouter(tags=["server"])
_STATE: dict[str, Any] = {
    "content": {
        "application/json": {
            "schema": {"type": "object", "required": ["status"], "properties": {"status": {"type": "string"}}}
        }
    }
}


@routes.get("/healthz", responses={200: _STATE})
@routes.get("/api/v1/pipeline/healthz", responses={200: _STATE})
def healthz() -> dict[str, str]:
    """Whether this process answers. Needs no token."""
    return {"status": "ok"}


@routes.get("/readyz", responses={200: _STATE, **documented(503)})
@routes.get("/api/v1/pipeline/readyz", responses={200: _STATE, **documented(503)})
def readyz(request: Request) -> dict[str, str]:
    """Whether the database answers and is of this release. Needs no token."""
    if migrations.current(Serving.of(request).settings) != migrations.head():
        raise Problem(503, "the database is of another release: analytics-etl migrate")
    return {"status": "ok"}


@routes.get("/docs", include_in_schema=False)
def docs(request: Request) -> HTMLResponse:
    """The documentation of the routes as a page."""
    return HTMLResponse(docs_page(request.app.openapi()))
