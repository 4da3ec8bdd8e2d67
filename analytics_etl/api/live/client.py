"""One client: what it has asked for, and what waits to be sent to it, which is one state of each thing it watches."""

import json
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import anyio

from analytics_etl.api.access import Identity
from analytics_etl.pipeline.announcing import is_older, series_key

MOST_METRICS = 200
"""Metrics that one client watches."""
MOST_DASHBOARDS = 10
MOST_WAITING = 1_000
"""States that wait for one client. Beyond them those that have waited longest are left out."""

Subject = tuple[str, str | None]
"""(metric, tenant as it was asked for)."""


class TooManyError(ValueError):
    """A client asks for more than one may watch."""


class Client:
    """A client and its subscriptions; its tenant, if it has one, bounds all of them."""

    def __init__(self, identity: Identity) -> None:
        self.identity = identity
        self.metrics: set[Subject] = set()
        self.dashboards: set[str | None] = set()
        self.skipped = 0
        """States that newer ones took the place of before they were sent, since the last heartbeat."""
        self._waiting: OrderedDict[Any, tuple[str, Mapping[str, Any]]] = OrderedDict()
        self._has_some = anyio.Event()

    def tenant_of(self, asked: str | None) -> str | None:
        """The tenant that is meant; PermissionError for another one than the client's own."""
        own = self.identity.tenant_id
        if own is None:
            return asked
        if asked not in (None, own):
            raise PermissionError("the token is of another tenant")
        return own

    def watch(self, names: Sequence[str], tenant: str | None) -> None:
        """Watch metrics."""
        found = self.metrics | {(name, tenant) for name in names}
        if len(found) > MOST_METRICS:
            raise TooManyError(f"a client may watch {MOST_METRICS} metrics")
        self.metrics = found

    def forget(self, names: Sequence[str], tenant: str | None) -> None:
        """Watch metrics no more; what waits of them is not sent."""
        self.metrics -= {(name, tenant) for name in names}
        self._drop(lambda event, data: event == "metricUpdate" and not self._watches(data))

    def open_dashboard(self, tenant: str | None) -> None:
        if len(self.dashboards | {tenant}) > MOST_DASHBOARDS:
            raise TooManyError(f"a client may watch {MOST_DASHBOARDS} dashboards")
        self.dashboards.add(tenant)

    def close_dashboard(self, tenant: str | None) -> None:
        self.dashboards.discard(tenant)
        self._drop(lambda event, data: event == "dashboardUpdate" and data["tenantId"] == tenant)
        self._drop(lambda event, data: event == "dashboardMetricUpdate" and not self._has_dashboard_of(data))

    def take_sample(self, sample: Mapping[str, Any]) -> None:
        """Let a new sample of a series wait, if it is watched."""
        if not self._may_see(sample["tenantId"]):
            return
        for event, is_wanted in (("metricUpdate", self._watches), ("dashboardMetricUpdate", self._has_dashboard_of)):
            if is_wanted(sample):
                key = event, series_key(sample)
                waiting = self._waiting.get(key)
                if waiting is None or not is_older(sample, waiting[1]):
                    self.put(event, sample, key)

    def take_alert(self, alert: Mapping[str, Any]) -> None:
        """Let an alert that has changed wait, if what it is about is watched."""
        names = (alert["metricName"] or "").split(", ")
        tenant = alert["tenantId"]
        is_watched = any(self._watches({"name": name, "tenantId": tenant}) for name in names)
        if self._may_see(tenant) and (is_watched or self._has_dashboard_of(alert)):
            self.put("alertNotification", alert, ("alertNotification", alert["id"]))

    def put(self, event: str, data: Mapping[str, Any], key: Any) -> None:
        """Let something wait to be sent, in the place of what waits under its key."""
        if key in self._waiting:
            self.skipped += 1
        self._waiting[key] = event, data
        while len(self._waiting) > MOST_WAITING:
            self._waiting.popitem(last=False)
            self.skipped += 1
        self._has_some.set()

    async def wait(self) -> None:
        """Come back as soon as there is something to send."""
        while not self._waiting:
            self._has_some = anyio.Event()
            await self._has_some.wait()

    def take(self) -> str:
        """The text of what has waited longest; it waits no more."""
        _, (event, data) = self._waiting.popitem(last=False)
        return json.dumps({"event": event, "data": data}, ensure_ascii=False, separators=(",", ":"), allow_nan=False)

    @property
    def waiting_count(self) -> int:
        return len(self._waiting)

    def _may_see(self, tenant: str | None) -> bool:
        return self.identity.tenant_id in (None, tenant)

    def _watches(self, sample: Mapping[str, Any]) -> bool:
        name, tenant = sample["name"], sample["tenantId"]
        return (name, None) in self.metrics or (name, tenant or "") in self.metrics

    def _has_dashboard_of(self, found: Mapping[str, Any]) -> bool:
        return None in self.dashboards or (found["tenantId"] or "") in self.dashboards

    def _drop(self, is_unwanted: Callable[[str, Mapping[str, Any]], bool]) -> None:
        for key, (event, data) in list(self._waiting.items()):
            if is_unwanted(event, data):
                del self._waiting[key]
