"""What one process knows of what is new, and the clients that it tells.

PostgreSQL tells every process (`ops.live`), also of what was posted to this one. Only the event loop touches the hub,
so it has no locks.
"""

import logging
import time
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeVar

import anyio
import anyio.to_thread

from analytics_etl.api.live import answers
from analytics_etl.api.live.client import Client
from analytics_etl.config.settings import Settings
from analytics_etl.ops import live
from analytics_etl.pipeline.announcing import Sample, is_older, series_key
from analytics_etl.postgres.listening import listen

MOST_SERIES = 10_000
"""Series whose newest sample is known before it is loaded."""
SECONDS_BETWEEN = 1.0
"""Dashboards and alerts are read again as often, if something was published."""
RATE_SECONDS = 60
"""Records of so long are counted as posted just now."""
WORKERS = 2
"""Questions of live updates to the database at once: the other threads are for requests."""

Result = TypeVar("Result")
_log = logging.getLogger(__name__)


class Hub:
    """The clients of one process; `run` it as long as they are served."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._clients: set[Client] = set()
        self._samples: OrderedDict[Any, Sample] = OrderedDict()
        self._posted: dict[str, deque[tuple[float, int]]] = defaultdict(deque)
        self._alerts: dict[str, Mapping[str, Any]] | None = None
        self._has_new_alerts = self._has_new_tables = False
        self._has_news = anyio.Event()
        self._threads = anyio.CapacityLimiter(WORKERS)
        self._rates: dict[str, int] = {}

    def add(self, client: Client) -> bool:
        """Know a client, if there are not as many as may be."""
        if len(self._clients) >= self._settings.api_live_sockets:
            return False
        if not self._clients:
            self._alerts = None  # nobody watched them
        self._clients.add(client)
        self._has_new_alerts = True
        self._has_news.set()
        return True

    def remove(self, client: Client) -> None:
        self._clients.discard(client)

    async def run(self) -> None:
        """Listen, and tell the clients, until the task is cancelled."""
        if not self._settings.api_live_sockets:
            return
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(listen, self._settings, live.CHANNEL, self._catch_up, self._hear)
            tasks.start_soon(self._tell_rates)
            while True:
                await self._has_news.wait()
                self._has_news = anyio.Event()
                await self._read_again()
                await anyio.sleep(SECONDS_BETWEEN)

    async def show_metrics(
        self, client: Client, names: Sequence[str], tenant: str | None, since: datetime | None
    ) -> None:
        """Send a client the newest sample of each series of some metrics, or those measured after a moment."""
        own = client.identity.tenant_id
        loaded = await self.ask(partial(answers.newest_samples, self._settings, own, names, tenant))
        for sample in [*loaded, *(one for one in self._samples.values() if one["name"] in names)]:
            if since is None or datetime.fromisoformat(sample["timestamp"]) > since:
                client.take_sample(sample)

    async def show_dashboard(self, client: Client, tenant: str | None) -> None:
        """Send a client the dashboard of a tenant."""
        await self._show([client], client.identity.tenant_id, tenant)
        if tenant is None:
            self._show_rates([client], self._rates)

    async def ask(self, work: Callable[[], Result]) -> Result:
        """The result of work that waits for the database."""
        return await anyio.to_thread.run_sync(work, limiter=self._threads)

    def _catch_up(self) -> None:
        """Read everything again: something may have been told while nobody listened."""
        self._has_new_alerts = self._has_new_tables = True
        self._has_news.set()

    def _hear(self, text: str) -> None:
        """Take a message of another process, or of this one."""
        try:
            kind, items = live.read(text)
            if kind == "samples":
                for sample in items:
                    self._take_sample(sample)
            elif kind == "posted":
                for item in items:
                    self._posted[str(item["table"])].append((time.monotonic(), int(item["count"])))
            else:
                self._has_new_alerts |= kind == "alerts"
                self._has_new_tables = True
                self._has_news.set()
        except (ValueError, TypeError, KeyError) as error:  # whoever may connect to the database may tell something
            _log.warning("live updates heard what none of our processes tells: %s", error)

    def _take_sample(self, sample: Sample) -> None:
        key = series_key(sample)
        known = self._samples.pop(key, None)
        if known is not None and is_older(sample, known):
            self._samples[key] = known
            return
        self._samples[key] = sample
        if len(self._samples) > MOST_SERIES:
            self._samples.popitem(last=False)
        for client in self._clients:
            client.take_sample(sample)

    async def _read_again(self) -> None:
        """Send what was published, and the alerts that have changed, if anybody watches."""
        if not self._clients:
            return
        has_alerts, has_tables = self._has_new_alerts, self._has_new_tables
        self._has_new_alerts = self._has_new_tables = False
        try:
            if has_alerts:
                await self._read_alerts()
            if has_tables:
                await self._read_dashboards()
        except Exception as error:  # noqa: BLE001 - a defect of one answer does not end the server, as with requests
            _log.warning("live updates read what was published again", exc_info=error)
            self._has_new_alerts, self._has_new_tables = has_alerts, has_tables
            self._has_news.set()

    async def _read_alerts(self) -> None:
        found = await self.ask(partial(answers.alerts, self._settings, None))
        known, self._alerts = self._alerts, {row["id"]: row for row in found}
        if known is None:  # of what was before there is no news
            return
        for row in found:
            if row != known.get(row["id"]):
                for client in self._clients:
                    client.take_alert(row)

    async def _read_dashboards(self) -> None:
        watching: dict[tuple[str | None, str | None], list[Client]] = defaultdict(list)
        for client in self._clients:
            for tenant in client.dashboards:
                watching[client.identity.tenant_id, tenant].append(client)
        for (own, tenant), clients in watching.items():
            await self._show(clients, own, tenant)

    async def _show(self, clients: Sequence[Client], own: str | None, tenant: str | None) -> None:
        """Send the dashboard of a tenant to clients of one tenant, or of none."""
        data = await self.ask(partial(answers.dashboard, self._settings, own, tenant))
        for client in clients:
            if tenant in client.dashboards:
                client.put("dashboardUpdate", data, ("dashboardUpdate", tenant))

    async def _tell_rates(self) -> None:
        """Send how many records of each table were posted in the last minute, whenever that changes."""
        while True:
            await anyio.sleep(SECONDS_BETWEEN)
            since, rates = time.monotonic() - RATE_SECONDS, {}
            for table, counted in list(self._posted.items()):
                while counted and counted[0][0] < since:
                    counted.popleft()
                rates[table] = sum(count for _, count in counted)
                if not counted:
                    del self._posted[table]
            changed = {table: rate for table, rate in rates.items() if rate != self._rates.get(table)}
            self._rates = {table: rate for table, rate in rates.items() if rate}
            self._show_rates(list(self._clients), changed)

    def _show_rates(self, clients: Sequence[Client], rates: Mapping[str, int]) -> None:
        """Records of all tenants are counted, so only whoever sees all tenants is told."""
        now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        for table, rate in rates.items():
            data = {
                "name": "posted_records", "tenantId": None, "category": "system", "type": "gauge",
                "unit": "records per minute", "labels": {"table": table}, "value": rate, "timestamp": now,
            }  # fmt: skip
            for client in clients:
                if client.identity.tenant_id is None and None in client.dashboards:
                    client.put("dashboardMetricUpdate", data, ("posted", table))
