"""Sample events of schema usage: services read, write, validate and check schemas, and sometimes fail or are slow."""
# ruff: noqa: PLR2004 - the ratios of a made-up world would not be clearer with names

from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from itertools import islice, product

import numpy as np
import pyarrow as pa

from analytics_etl.families.sample.columns import Flags, Numbers, Shares, codes, integers, timestamps, uuids, weighted
from analytics_etl.families.sample.options import SampleOptions
from analytics_etl.families.sample.rhythm import Moments
from analytics_etl.families.sample.tables import CUT, NO_ZONE, EventTable
from analytics_etl.families.sample.vocabulary import DOMAINS, OUTAGE_MESSAGES

# operation: (share, median latency in ms); the last two are rare and belong to a schema's life, not to its use
_OPERATIONS = {
    "read": (0.62, 12.0),
    "validate": (0.2, 25.0),
    "write": (0.08, 45.0),
    "compatibility_check": (0.06, 60.0),
    "list": (0.04, 30.0),
    "register": (0.0, 80.0),
    "delete": (0.0, 40.0),
}
_SHARES, _MEDIAN_MS = np.array(list(_OPERATIONS.values())).T
_REGISTER = list(_OPERATIONS).index("register")
_REGIONS = ("eu-west-1", "us-east-1", "us-west-2", "ap-south-1", "sa-east-1")
_DISTANCE_MS = np.array([0.0, 4.0, 9.0, 35.0, 60.0])
_ERRORS = (
    *("schema not found", "the payload does not match the schema: field id is missing", "incompatible with version 3"),
    *("the token has expired", 'unknown content type "<script>alert(1)</script>"'),
    *OUTAGE_MESSAGES,
)
_USUAL_ERRORS = len(_ERRORS) - len(OUTAGE_MESSAGES)


@dataclass(frozen=True)
class Schemas:
    """The schemas and services there are, fixed by the seed and the volume."""

    ids: list[str]
    names: list[str]
    popularity: Shares
    last_ages: Numbers
    """How many days before the last day a schema was used for the last time; 0 = it is in use."""
    is_unnamed: Flags
    """Of each schema, whether no service tells its name."""
    services: list[str]
    regions: Numbers
    """Of each service."""
    users: Numbers
    """Of each schema eight services, from the one that uses it most to the one that does least."""


def make_tables(options: SampleOptions) -> dict[str, EventTable]:
    """The one table of the family."""
    return {
        "schema_usage_events": EventTable(
            columns=partial(_usage, _build_schemas(options)),
            stream=20,
            share=0.5,
            defects=(
                {"latency_ms": -5},
                {"operation": "browse"},
                {"region": None},
                {"schema_id": "00000000-0000-0000-0000-000000000000"},
                {"success": True, "error_message": "schema not found"},
            ),
            text_defects=(
                {"latency_ms": "slow"},
                {"schema_id": "orders-v1"},
                {"occurred_at": NO_ZONE},
                {"event_id": CUT},
            ),
        )
    }


def _build_schemas(options: SampleOptions) -> Schemas:
    rng = np.random.default_rng([options.seed, 20])
    scale = options.events_per_day / 10_000
    count, service_count = max(40, round(80 * scale**0.45)), max(8, round(14 * scale**0.3))
    popularity = 1 / (np.arange(count) + 5.0)
    popularity[-3:] = 0  # registered, and never used since
    last_ages = np.zeros(count, np.int64)
    last_ages[7::9] = 10 + 7 * (np.arange(len(last_ages[7::9])) % 3)
    services = [f"{domain}-{kind}" for kind, domain in product(("api", "worker", "gateway"), DOMAINS)]
    activity = 1 / (np.arange(service_count) + 2.0)
    return Schemas(
        ids=uuids(rng, count).to_pylist(),
        names=_names(count),
        is_unnamed=np.arange(count) % 9 == 4,
        popularity=popularity / popularity.sum(),
        last_ages=last_ages,
        services=services[:service_count],
        regions=weighted(rng.random(service_count), np.array([0.4, 0.3, 0.15, 0.1, 0.05])),
        users=weighted(rng.random((count, 8)), activity),
    )


def _names(count: int) -> list[str]:
    """Of each schema one; the sixth is one to be careful with."""
    kinds = ("created", "changed", "closed", "refused", "snapshot", "audit")
    named = (f"{domain}.{kind}.v{version}" for version, kind, domain in product(range(1, count), kinds, DOMAINS))
    names = list(islice(named, count))
    names[5] = "initech.tools<b>beta</b>.v1"
    return names


def _usage(world: Schemas, moments: Moments) -> dict[str, pa.Array]:
    rng, size = moments.rng, moments.size
    schema, operation = _what(world, moments)
    service = world.users[schema, (8 * rng.random(size) ** 2).astype(np.int64)]
    # A tenth of a service's work is done elsewhere.
    region = np.where(moments.chance(0.1), rng.integers(0, len(_REGIONS), size), world.regions[service])
    is_slow, is_broken = _incidents(moments, schema)
    took = _MEDIAN_MS[operation] * rng.lognormal(0, 0.7, size) * np.where(schema % 10 == 3, 6, 1)
    took = took * np.where(is_slow | moments.is_outage, 8, 1) + _DISTANCE_MS[region]
    is_failed = moments.chance(
        np.where(moments.is_outage, 0.5, np.where(is_broken, 0.35, 0.012 + 0.05 * (schema % 15 == 4)))
    )
    message = np.where(
        moments.is_outage, rng.integers(_USUAL_ERRORS, len(_ERRORS), size), rng.integers(0, _USUAL_ERRORS, size)
    )
    return {
        "event_id": uuids(rng, size),
        "occurred_at": timestamps(moments.time),
        "schema_id": codes(schema, world.ids),
        "operation": codes(operation, _OPERATIONS),
        "service": codes(service, world.services),
        "region": codes(region, _REGIONS),
        "latency_ms": integers(took),
        "success": pa.array(~is_failed),
        "error_message": codes(message, _ERRORS, ~is_failed),
        # Gateways do not look into what they pass on.
        "schema_name": codes(schema, world.names, world.is_unnamed[schema] | (service % 3 == 2)),
    }


def _what(world: Schemas, moments: Moments) -> tuple[Numbers, Numbers]:
    """Which schema each event is about, and what is done with it."""
    rng, size, count = moments.rng, moments.size, len(world.ids)
    age = (moments.options.last_day - moments.day).days
    # The twelfth schema grows in the last week, the thirteenth is given up in it.
    attraction = world.popularity.copy()
    attraction[11] *= 1 + max(7 - age, 0)
    attraction[12] *= 1 if age > 6 else 0.15
    attraction[(world.last_ages > 0) & (age < world.last_ages)] = 0
    schema = weighted(rng.random(size), attraction)
    operation = weighted(rng.random(size), _SHARES)
    # Every schema is registered again now and then, the unused ones only once, at the beginning.
    is_registered = moments.chance(0.004)
    unused = count - 1 - rng.integers(0, 3, size)
    is_first = moments.day + timedelta(days=32) <= moments.options.last_day
    schema = np.where(is_registered & is_first & moments.chance(0.5), unused, schema)
    return schema, np.where(is_registered, _REGISTER, operation)


def _incidents(moments: Moments, schema: Numbers) -> tuple[Flags, Flags]:
    """The most used schema is slow for two hours five days before the last day, and fails for two hours on the last."""
    age = (moments.options.last_day - moments.day).days
    hour = moments.time // 3_600_000_000 % 24
    is_incident = (hour >= 9) & (hour < 11) & moments.options.outage
    is_concerned = (schema == 0) & is_incident
    return is_concerned & (age == 5), is_concerned & (age == 0)
