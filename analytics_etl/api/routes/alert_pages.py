"""The dashboard's page of alerts, and what is done on it: forms, which work without script."""

from typing import Annotated
from urllib.parse import parse_qs

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from analytics_etl.api.dashboard import alerts
from analytics_etl.api.pages.dashboard import alerts_html
from analytics_etl.api.problems import Problem
from analytics_etl.api.routes.dashboard import Asked, PageRoute, Tenant
from analytics_etl.families.queries.texts import check_texts
from analytics_etl.pipeline.alert_answers import UnknownAlertError
from analytics_etl.pipeline.alert_queries import AlertError

LONGEST_REASON = 1_000


class AlertPageRoute(PageRoute):
    """A page that tenants see, too."""

    is_of_tenants = True


class ActingRoute(AlertPageRoute):
    """What changes an alert."""

    right = "edit"


routes = APIRouter(route_class=AlertPageRoute, include_in_schema=False)
acts = APIRouter(route_class=ActingRoute, include_in_schema=False)


@routes.get("/alerts")
def page(request: Request, asked: Annotated[Asked, Depends()], tenant: Tenant = None) -> Response:
    """All alerts, or those of one tenant."""
    who = request.state.identity
    found, acting = alerts.overview(asked.question(tenant=tenant), who.tenant_id, may_act=who.may("edit"))
    return asked.show(found) if asked.csv else HTMLResponse(alerts_html(found, asked.period, acting))


@acts.post("/alerts")
async def act(request: Request, asked: Annotated[Asked, Depends()]) -> Response:
    """Acknowledge, resolve or silence an alert, as a form says; then show the page again."""
    try:
        form = parse_qs((await request.body()).decode(), strict_parsing=True, max_num_fields=10)
    except ValueError:
        raise Problem(422, "expected the form of the page") from None
    alert_id, kind_text, reason, hours = (form.get(name, [""])[0].strip() for name in ("id", "act", "reason", "hours"))
    kind = alerts.ACTS.get(kind_text)
    if kind is None or not hours.isdigit() or int(hours) not in alerts.HOURS:
        raise Problem(422, "expected the form of the page")
    if len(reason) > LONGEST_REASON or (kind == "silence" and not reason):
        raise Problem(422, "say why you silence it, in at most 1,000 characters")
    check_texts({"reason": reason})
    who = request.state.identity
    try:
        await run_in_threadpool(
            alerts.act, asked.question(), who.tenant_id, alert_id, kind, who.name, reason or None, int(hours)
        )
    except UnknownAlertError as error:
        raise Problem(404, str(error)) from None
    except AlertError as error:
        raise Problem(409, str(error)) from None
    return RedirectResponse("/alerts", 303)


routes.include_router(acts)
