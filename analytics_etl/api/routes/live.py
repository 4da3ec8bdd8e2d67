"""The WebSocket of live updates: who may open one. What is said on it is in `api/live`."""

from urllib.parse import urlsplit

from fastapi import APIRouter, WebSocket
from starlette.concurrency import run_in_threadpool

from analytics_etl.api import problems
from analytics_etl.api.access import COOKIE
from analytics_etl.api.live.client import Client
from analytics_etl.api.live.socket import Socket
from analytics_etl.api.problems import Problem
from analytics_etl.api.serving import Serving
from analytics_etl.postgres.failures import SERVER_ERRORS

routes = APIRouter()


@routes.websocket("/analytics/live")
async def live(websocket: WebSocket) -> None:
    """Newest samples of metrics, dashboards and alerts, as they change."""
    serving = Serving.of(websocket)
    try:
        client, authorization = await _admitted(websocket, serving)
    except Problem as problem:
        answer = problems.answer(problem.status_code, str(problem.detail), problem.headers)
        await websocket.send_denial_response(answer)
    except SERVER_ERRORS as error:
        await websocket.send_denial_response(problems.of_error(error, "live updates"))
    else:
        try:
            await websocket.accept()
            await Socket(websocket, client, serving.hub, serving.access, authorization).serve()
        finally:
            serving.hub.remove(client)


async def _admitted(websocket: WebSocket, serving: Serving) -> tuple[Client, str | None]:
    """A client that the hub knows, and what it says about who it is. Problem for one that gets no updates."""
    authorization = _authorization(websocket, serving.settings.api_cors_origins)
    identity = await run_in_threadpool(serving.access.identify, authorization)
    serving.access.check_rate(identity)
    if not identity.may("read"):
        raise Problem(403, f"the role {identity.role} may not read here")
    client = Client(identity)
    if not serving.hub.add(client):
        raise Problem(503, "as many clients get live updates as may", {"Retry-After": "30"})
    return client, authorization


def _authorization(websocket: WebSocket, origins: tuple[str, ...]) -> str | None:
    """What a client says about who it is. Problem for the page of another site: browsers let these open sockets."""
    headers = websocket.headers
    origin = headers.get("origin")
    is_own = origin is not None and urlsplit(origin).netloc == headers.get("host")
    if origin is not None and not is_own and origin not in origins:
        raise Problem(403, "the page of another site opened this socket")
    kept = websocket.cookies.get(COOKIE) if is_own else None
    return headers.get("authorization") or (f"Bearer {kept}" if kept else None)
