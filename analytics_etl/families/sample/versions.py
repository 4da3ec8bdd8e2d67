"""Sample events of the schemas themselves: versions of modules that are registered, and fields that clients use.

A version is registered on one day, whichever days are made: some time before users move to it (see `world.draw`). Some
modules have been there from their first release on; the others, and all that others import, came with their newest
version on one day, when the registry took them over: it says when they were published. A day with few releases has
builds of the night beside them, so that every day has some.
"""
# ruff: noqa: PLR2004 - the ratios of a made-up world would not be clearer with names

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import pyarrow as pa

from analytics_etl.families.sample.columns import codes, timestamps, uuids
from analytics_etl.families.sample.options import SampleOptions
from analytics_etl.families.sample.rhythm import Moments
from analytics_etl.families.sample.schemas import Schemas
from analytics_etl.families.sample.tables import CUT, NO_ZONE, EventTable
from analytics_etl.families.sample.vocabulary import CLIENTS, DOMAINS
from analytics_etl.families.sample.world import RELEASES, VERSIONS, World, clients, draw

TAKEN_OVER = 34
"""Age of the day on which the registry took over modules, as the sample's last day sees it."""
_LEAST = 8
"""Registrations of a day."""
_SERVICES = [f"{domain}-{kind}" for kind in ("api", "worker", "gateway", "sync") for domain in DOMAINS]
_USES = 0.1
"""Uses of fields for each event of the registry."""


@dataclass(frozen=True)
class Registration:
    """A version that is registered on a day."""

    module: int
    release: int
    nightly: str = ""
    """End of the version's name, if it is a build of the night; its source is that of the release to come."""
    is_first: bool = False
    published: date | None = None
    """The day it was released, if it was taken over later."""


def make_tables(world: World, options: SampleOptions) -> dict[str, EventTable]:
    """The two tables, whose numbers of events are on top of those of the other three."""
    registry = Registry(world, options.seed, options.last_day)
    return {
        "module_versions": EventTable(
            columns=registry.columns,
            stream=4,
            count=registry.count,
            defects=({"size_bytes": -1}, {"format": "xml"}, {"module_name": None}, {"files": "[]"}),
            text_defects=({"size_bytes": "small"}, {"registered_at": NO_ZONE}, {"event_id": CUT}),
        ),
        "field_usage_events": EventTable(
            columns=registry.uses,
            stream=5,
            count=lambda events, _: round(_USES * events),
            defects=({"field": None}, {"entity": ""}, {"service": ""}),
            text_defects=({"event_id": "use-1"}, {"used_at": NO_ZONE}, {"event_id": CUT}),
        ),
    }


class Registry:
    """The versions and schemas of a world."""

    def __init__(self, world: World, seed: int, last_day: date) -> None:
        self._world, self._last_day = world, last_day
        rng = np.random.default_rng([seed, 61])
        self.schemas = Schemas(seed, world.modules, world.newest_releases.tolist())
        # Users move to a release some days after it is registered: at most as many as there are between releases.
        self._adoption = (rng.random(len(world.modules)) * world.release_intervals).astype(np.int64)
        self._adoption[-2:] = 1
        self._organizations = rng.integers(0, len(world.organizations), len(world.modules))
        self.registrations = lru_cache(maxsize=64)(self._registrations)
        self.used_fields = lru_cache(maxsize=None)(self._used_fields)

    def count(self, _: int, day: date) -> int:
        """The number of registrations of a day, whatever the number of other events."""
        return len(self.registrations(day))

    def _registrations(self, day: date) -> list[Registration]:
        age = (self._last_day - day).days
        found = [r for number in range(len(self._world.modules)) if (r := self._released(number, age)) is not None]
        if age == TAKEN_OVER:
            newest = {number: self._newest(number, age) for number in sorted(self._taken_over)}
            found += [
                Registration(n, release, is_first=True, published=self._last_day - timedelta(days=self._age(n, age)))
                for n, release in newest.items()
                if release >= 0
            ]
        return [*self._nightly(day, age, _LEAST - len(found)), *found]

    @cached_property
    def _taken_over(self) -> frozenset[int]:
        """Half of the modules, and all that others import, so that the sample's versions can be read."""
        numbers = range(len(self._world.modules) - 2)
        names = {other.name for number in numbers for other in self.schemas.module(number).imports}
        return frozenset(number for number in numbers if number % 2 or self._world.modules[number] in names)

    def _newest(self, number: int, age: int) -> int:
        """The newest release at the end of a day; negative if there is none."""
        return int(self._world.newest_releases[number] - (age - self._shift(number)) // self._interval(number))

    def _age(self, number: int, age: int) -> int:
        """The age of the day on which the newest release at the end of a day came."""
        interval, shift = self._interval(number), self._shift(number)
        return ((age - shift) // interval + 1) * interval - 1 + shift

    def _interval(self, number: int) -> int:
        return int(self._world.release_intervals[number])

    def _shift(self, number: int) -> int:
        """How much longer a release is registered than used: `world.draw` rounds half an interval up."""
        return int(self._adoption[number]) - self._interval(number) // 2

    def _released(self, number: int, age: int) -> Registration | None:
        """The release of a module on a day, if there is one."""
        is_new = number >= len(self._world.modules) - 2
        if is_new:  # used since five and three days, in both versions
            first = 5 if number == len(self._world.modules) - 2 else 3
            return {first + 2: Registration(number, 0, is_first=True), first + 1: Registration(number, 1)}.get(age)
        release = self._newest(number, age)
        is_there = release >= 0 and (number not in self._taken_over or age < TAKEN_OVER)
        if not is_there or release == self._newest(number, age + 1):
            return None
        return Registration(number, release, is_first=release == 0)

    def _nightly(self, day: date, age: int, count: int) -> Iterator[Registration]:
        """Builds of the night of some modules that are registered by then."""
        others = (n for n in range(len(self._world.modules) - 2) if n not in self._taken_over)
        early = [number for number in others if self._newest(number, age + 1) >= 0]
        for place in range(min(count, len(early))):
            number = early[(day.toordinal() * 7 + place) % min(len(early), 40)]
            yield Registration(number, self._newest(number, age + 1), f"-nightly.{day:%Y%m%d}")

    def version(self, number: int, release: int) -> str:
        return str(VERSIONS[int(self._world.majors[number] - 1) * RELEASES + release])

    def row(self, registration: Registration) -> dict[str, Any]:
        """The columns of a registration, without its id and time."""
        module = self.schemas.module(registration.module)
        files = module.files(registration.release + bool(registration.nightly))
        named = self.version(registration.module, registration.release)
        before = None if registration.is_first else self.version(registration.module, registration.release - 1)
        organization = self._world.organizations[self._organizations[registration.module]]
        return {
            "organization_id": None if registration.module % 10 == 3 else organization,
            "module_name": module.name,
            "version": named + registration.nightly,
            "format": module.format,
            "files": json.dumps(files, separators=(",", ":")),
            "size_bytes": sum(len(text.encode()) for text in files.values()),
            "previous_version": named if registration.nightly else before,
            "published_at": registration.published and datetime.combine(registration.published, time(), UTC),
        }

    def columns(self, moments: Moments) -> dict[str, pa.Array]:
        """The columns of `module_versions`: all registrations of a day."""
        rows = [self.row(registration) for registration in self.registrations(moments.day)]
        found = {name: pa.array([row[name] for row in rows]) for name in rows[0]}
        found["files"] = pa.ExtensionArray.from_storage(pa.json_(), found["files"])
        found["published_at"] = found["published_at"].cast(pa.timestamp("us", "UTC"))
        return {"event_id": uuids(moments.rng, moments.size), "registered_at": timestamps(moments.time), **found}

    def uses(self, moments: Moments) -> dict[str, pa.Array]:
        """The columns of `field_usage_events`."""
        draws = draw(self._world, moments, by_humans=False)
        names: list[tuple[str, str]] = []
        positions = np.zeros(draws.size, np.int64)
        luck = draws.rng.random(draws.size) ** 1.7  # the first fields are used most
        pair = draws.module * len(VERSIONS) + draws.version
        for value in np.unique(pair):
            module, version = divmod(int(value), len(VERSIONS))
            there = self.used_fields(module, version % RELEASES)
            chosen = pair == value
            positions[chosen] = len(names) + (luck[chosen] * len(there)).astype(np.int64)
            names += there
        client = clients(draws, self._world.user_languages[draws.user])
        organization = self._world.user_organizations[draws.user]
        return {
            "event_id": uuids(draws.rng, draws.size),
            "used_at": timestamps(draws.time),
            "organization_id": codes(organization, self._world.organizations, draws.is_anonymous),
            "module_name": codes(draws.module, self._world.modules),
            "version": codes(draws.version, VERSIONS, draws.user % 10 < 1),
            "entity": codes(positions, [entity for entity, _ in names]),
            "field": codes(positions, [field for _, field in names]),
            "service": codes(draws.user * 7 % len(_SERVICES), _SERVICES, draws.chance(0.03)),
            "client_sdk": codes(client, [sdk for sdk, _, _ in CLIENTS]),
            "client_version": codes(client, [version for _, version, _ in CLIENTS]),
        }

    def _used_fields(self, number: int, release: int) -> list[tuple[str, str]]:
        return self.schemas.module(number).used_fields(release)
