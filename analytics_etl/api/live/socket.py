"""One socket: it takes the messages of a client, and sends what waits for it, as fast as the client reads."""

import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import anyio
import anyio.to_thread
from starlette.websockets import WebSocket, WebSocketDisconnect

from analytics_etl.api.access import Access
from analytics_etl.api.live import messages
from analytics_etl.api.live.client import Client, TooManyError
from analytics_etl.api.live.hub import Hub
from analytics_etl.api.live.messages import DashboardStream, MessageError, SubscribeMetrics
from analytics_etl.api.problems import Problem, of_error

HEARTBEAT_SECONDS = 15.0
SEND_SECONDS = 30.0
"""A client that takes no message for so long is disconnected."""
TOKEN_SECONDS = 1.0
"""The token is looked at again before something is sent, if so much time has passed."""
REFUSED, TOO_SLOW = 1008, 1013
"""Codes that a socket is closed with: the token is not good any more; the client did not read."""


class Socket:
    """A client's socket. `authorization` is what it came with; who that is may change."""

    def __init__(
        self, websocket: WebSocket, client: Client, hub: Hub, access: Access, authorization: str | None
    ) -> None:
        self._websocket, self._client, self._hub, self._access = websocket, client, hub, access
        self._authorization = authorization
        self._checked_at = time.monotonic()

    async def serve(self) -> None:
        """Serve the client until one of both ends it."""
        async with anyio.create_task_group() as tasks:
            for work in (self._beat, self._receive, self._send):
                tasks.start_soon(self._until_over, work, tasks.cancel_scope)

    @staticmethod
    async def _until_over(work: Callable[[], Awaitable[None]], scope: anyio.CancelScope) -> None:
        await work()
        scope.cancel()

    async def _receive(self) -> None:
        while True:
            message = await self._websocket.receive()
            if message["type"] == "websocket.disconnect":
                return
            await self._answer(message.get("text"))

    async def _answer(self, text: str | None) -> None:
        """Do what a message says, or say why not."""
        event = ""
        try:
            self._access.check_rate(self._client.identity)
            event, said = messages.read(text or "")
            await self._do(event, said)
        except MessageError as error:
            self._refuse(error.event, 422, str(error))
        except TooManyError as error:
            self._refuse(event, 422, str(error))
        except PermissionError as error:
            self._refuse(event, 403, str(error))
        except Problem as problem:
            self._refuse(event, problem.status_code, str(problem.detail))
        except Exception as error:  # noqa: BLE001 - as a request that fails, it is logged and answered
            answer = of_error(error, f"live {event}")
            self._refuse(event, answer.status_code, "the server cannot answer now; try again")

    async def _do(self, event: str, said: DashboardStream) -> None:
        client, tenant = self._client, self._client.tenant_of(said.tenantId)
        if isinstance(said, SubscribeMetrics):
            client.watch(said.metricNames, tenant)
            await self._hub.show_metrics(client, said.metricNames, tenant, said.since)
        elif isinstance(said, messages.Metrics):
            client.forget(said.metricNames, tenant)
        elif event == "getDashboardStream":
            client.open_dashboard(tenant)
            await self._hub.show_dashboard(client, tenant)
        else:
            client.close_dashboard(tenant)

    def _refuse(self, event: str, status: int, detail: str) -> None:
        self._client.put("error", {"event": event, "status": status, "detail": detail}, ("error", event))

    async def _beat(self) -> None:
        """Show the client that it is connected, and how much it could not be told in time."""
        while True:
            skipped, self._client.skipped = self._client.skipped, 0
            now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
            self._client.put("heartbeat", {"timestamp": now, "skipped": skipped}, "heartbeat")
            await anyio.sleep(HEARTBEAT_SECONDS)

    async def _send(self) -> None:
        """Send what waits, one by one, so that what is newer meanwhile takes the place of what waits."""
        while True:
            await self._client.wait()
            if not await self._is_known():
                await self._close(REFUSED, "the token is unknown, expired or revoked")
                return
            try:
                with anyio.fail_after(SEND_SECONDS):
                    await self._websocket.send_text(self._client.take())
            except TimeoutError:
                await self._close(TOO_SLOW, f"nothing was read for {SEND_SECONDS:.0f} seconds")
                return
            except (WebSocketDisconnect, RuntimeError):  # it has gone: the other task is told, too
                return

    async def _is_known(self) -> bool:
        """Whether the token is still good, and says the same."""
        if time.monotonic() - self._checked_at < TOKEN_SECONDS:
            return True
        try:
            identity = await anyio.to_thread.run_sync(self._access.identify, self._authorization)
        except Problem:
            return False
        self._checked_at = time.monotonic()
        return identity == self._client.identity

    async def _close(self, code: int, reason: str) -> None:
        with anyio.move_on_after(TOKEN_SECONDS):
            await self._websocket.close(code, reason)
