"""Sample events of a platform of many tenants: samples of gauges, counters and observations of its services."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from analytics_etl.families.sample.columns import Flags, Shares, codes, objects, timestamps, uuids, weighted
from analytics_etl.families.sample.options import SampleOptions
from analytics_etl.families.sample.rhythm import DAY_US, Moments
from analytics_etl.families.sample.tables import CUT, NO_ZONE, EventTable

_SERVICES = ("gateway", "playback", "search", "billing", "identity")
_PLAYBACK, _SEARCH = _SERVICES.index("playback"), _SERVICES.index("search")
_REGIONS = ("eu-west-1", "us-east-1")
# gauge: (unit, level, spread, how much of it follows the rhythm of the day)
_GAUGES: dict[str, tuple[str, float, float, float]] = {
    "cpu_percent": ("percent", 30, 6, 0.8),
    "memory_percent": ("percent", 48, 2, 0.1),
    "disk_percent": ("percent", 61, 0.5, 0),
    "request_rate": ("1/s", 120, 15, 1),
    "error_ratio": ("ratio", 0.008, 0.004, 0.1),
    "latency_ms": ("ms", 140, 30, 0.4),
    "cache_hit_ratio": ("ratio", 0.86, 0.03, 0),
}
_HIGHEST = {"percent": 100.0, "ratio": 1.0}
_TENANTS = ("acme", "globex", "initech", "umbrella", "<i>hooli</i>")
_GROWING = _TENANTS.index("globex")
_CURRENCIES = ("EUR", "USD")
_INCIDENT_MINUTES = (19 * 60 + 10, 19 * 60 + 50)  # of the last day
_LEAK_DAYS, _LEAK_PERCENT = 6, 7.5  # of memory a day
_DEPLOY_AGE, _DEPLOY_HOUR = 2, 10
_WEEK = 7 * 86_400
_USERS = 400

Values = Callable[[Moments, NDArray[Any]], Shares]
"""The values at some of the moments, given as their positions."""


@dataclass(frozen=True)
class _Series:
    """What all samples of a series share, how often there is one, and what they measure."""

    name: str
    type: str
    category: str
    unit: str | None
    labels: dict[str, str]
    tenant: int  # -1 = the platform
    share: float
    values: Values
    has_users: bool = False


def make_tables(options: SampleOptions) -> dict[str, EventTable]:
    """The table of the family."""
    series = [*_of_services(), *_of_tenants(options)]
    defects = ({"value": None}, {"type": "timer"}, {"name": ""}, {"category": "weather"}, {"tenant_id": ""})
    text_defects = ({"value": "high"}, {"labels": '{"retries":3}'}, {"recorded_at": NO_ZONE}, {"event_id": CUT})
    return {"metric_samples": EventTable(partial(_samples, series), 50, 0.8, defects, text_defects)}


def _samples(series: list[_Series], moments: Moments) -> dict[str, pa.Array]:
    rng, size = moments.rng, moments.size
    age = (moments.options.last_day - moments.day).days
    # A tenant has as many samples as it does things: one of them twice as many as three weeks before.
    shares = np.array([of.share * (2 ** (-age / 21) if of.tenant == _GROWING else 1) for of in series])
    chosen = weighted(rng.random(size), shares)
    values = np.zeros(size)
    for number in np.unique(chosen):
        at = np.flatnonzero(chosen == number)
        values[at] = series[number].values(moments, at)
    users = np.where(np.array([of.has_users for of in series])[chosen], rng.integers(0, _USERS, size), -1)
    tenants = np.array([of.tenant for of in series])[chosen]
    return {
        "event_id": uuids(rng, size),
        "recorded_at": timestamps(moments.time),
        "name": codes(chosen, [of.name for of in series]),
        "type": codes(chosen, [of.type for of in series]),
        "category": codes(chosen, [of.category for of in series]),
        "value": pa.array(np.round(values, 4)),
        "unit": codes(chosen, [of.unit for of in series]),
        "labels": objects(chosen, [of.labels for of in series]),
        "tenant_id": codes(tenants, _TENANTS),
        "user_id": codes(users, [f"member_{number:04d}" for number in range(_USERS)]),
    }


def _of_services() -> list[_Series]:
    """The seven gauges of each service, its requests as a cumulative counter, and how long some of them took."""
    found = []
    for number, service in enumerate(_SERVICES):
        for region in _REGIONS:
            labels = {"service_id": service, "region": region}
            for name, (unit, *_) in _GAUGES.items():
                category = "performance" if name in ("latency_ms", "request_rate") else "system"
                gauge = partial(_gauge, name, number)
                found.append(_Series(name, "gauge", category, unit, labels, -1, 1, gauge))
            total = {**labels, "temporality": "cumulative"}
            found.append(
                _Series("requests_total", "counter", "performance", None, total, -1, 3, partial(_total, number))
            )
        took = partial(_observed, number)
        labels = {"service_id": service}
        found.append(_Series("request_seconds", "histogram", "performance", "s", labels, -1, 2, took))
    return found


def _of_tenants(options: SampleOptions) -> list[_Series]:
    """Business metrics of each tenant, and what its users did."""
    found = []
    for number in range(len(_TENANTS)):
        scale = (1 + number) * options.events_per_day / 10_000
        for currency in _CURRENCIES[: 1 + number % 2]:
            revenue = partial(_drawn, 18 + number, 0.8)
            labels = {"plan": "pro"}
            found.append(_Series("revenue", "counter", "business", currency, labels, number, 1.5, revenue))
        for name, kind, unit, values in (
            ("user_count", "gauge", None, partial(_growing, number, 200 * scale)),
            ("content_views", "counter", None, partial(_counted, 12)),
            ("conversion_ratio", "gauge", "ratio", partial(_share, 0.02 + 0.01 * number)),
        ):
            found.append(_Series(name, kind, "business", unit, {}, number, 1.5, values))
        done = {"action": "login"}
        found.append(_Series("user_actions", "counter", "user", None, done, number, 3, partial(_drawn, 1, 0), True))  # noqa: FBT003
    found.append(_Series("failed_logins", "counter", "security", None, {}, -1, 0.5, partial(_drawn, 2, 0.5)))
    return found


def _gauge(name: str, service: int, moments: Moments, at: NDArray[Any]) -> Shares:
    unit, level, spread, swing = _GAUGES[name]
    minute = moments.time[at] % DAY_US / 60_000_000
    values = level * (1 + swing * _rhythm(minute)) + moments.rng.normal(0, spread, len(at)) + service
    if unit == "ratio":
        values -= service
    age = (moments.options.last_day - moments.day).days
    if name == "memory_percent" and service == _SEARCH and age < _LEAK_DAYS:
        values += _LEAK_PERCENT * (_LEAK_DAYS - 1 - age + minute / 1440)
    if name in ("latency_ms", "error_ratio") and service == _PLAYBACK:
        values *= np.where(_is_incident(moments, at), 45, 1)
    return np.clip(values, 0, _HIGHEST.get(unit, 1e9))


def _total(service: int, moments: Moments, at: NDArray[Any]) -> Shares:
    """Requests since the last deploy; there is one each week, and the newest is two days old."""
    seconds = moments.time[at] / 1e6
    last = (moments.options.last_day - date(1970, 1, 1)).days
    newest = (last - _DEPLOY_AGE) * 86_400 + _DEPLOY_HOUR * 3600
    since = (seconds - newest) % _WEEK
    # The integral of a rate with a daily rhythm, which never falls.
    grown = 80 * (since + 0.5 * 86_400 / (2 * np.pi) * (1 - np.cos(2 * np.pi * since / 86_400)))
    found: Shares = np.floor((1 + 0.3 * service) * grown)
    return found


def _observed(service: int, moments: Moments, at: NDArray[Any]) -> Shares:
    is_slow = (service == _PLAYBACK) & _is_incident(moments, at)
    return 0.09 * moments.rng.lognormal(0, 0.6, len(at)) * np.where(is_slow, 30, 1)


def _drawn(mean: float, sigma: float, moments: Moments, at: NDArray[Any]) -> Shares:
    return np.round(mean * moments.rng.lognormal(0, sigma, len(at)), 2)


def _counted(mean: float, moments: Moments, at: NDArray[Any]) -> Shares:
    return moments.rng.poisson(mean, len(at)).astype(np.float64)


def _growing(tenant: int, users: float, moments: Moments, at: NDArray[Any]) -> Shares:
    age = (moments.options.last_day - moments.day).days
    return np.full(len(at), np.round(users * (2 ** (-age / 21) if tenant == _GROWING else 1)))


def _share(level: float, moments: Moments, at: NDArray[Any]) -> Shares:
    return np.clip(moments.rng.normal(level, level / 10, len(at)), 0, 1)


def _rhythm(minute: Shares) -> Shares:
    """From -1 in the night to 1 in the afternoon."""
    return -np.cos(2 * np.pi * (minute - 180) / 1440)


def _is_incident(moments: Moments, at: NDArray[Any]) -> Flags:
    """Playback is slow and fails for forty minutes of the last day's evening."""
    minute = moments.time[at] % DAY_US // 60_000_000
    is_last = moments.options.outage and moments.day == moments.options.last_day
    found: Flags = (minute >= _INCIDENT_MINUTES[0]) & (minute < _INCIDENT_MINUTES[1]) & is_last
    return found
