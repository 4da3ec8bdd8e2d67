"""The world of a sample: organisations, users and modules, their dependencies, and who does what."""
# ruff: noqa: PLR2004 - the ratios of a made-up world would not be clearer with names

from dataclasses import dataclass
from itertools import product

import numpy as np
import pyarrow as pa

from analytics_etl.families.sample.columns import Flags, Numbers, Shares, weighted
from analytics_etl.families.sample.options import SampleOptions
from analytics_etl.families.sample.rhythm import Moments
from analytics_etl.families.sample.vocabulary import (
    CLI,
    CURL,
    DOMAINS,
    HOSTILE,
    LANGUAGE_SHARE,
    LANGUAGES,
    ORGS,
    SDK_VERSIONS,
    TOPICS,
    UNITS,
)

_LAGS = np.array([0, 0, 0, 0, 0, 1, 1, 1, 2, 2, 3, 6])  # releases a pinned version is behind the newest one
RELEASES = 30  # of each major version
VERSIONS = pa.array([f"{major}.{release // 3}.{release % 3}" for major in (1, 2, 3) for release in range(RELEASES)])


@dataclass(frozen=True)
class World:
    """Fixed by the seed and the volume, the same on every day."""

    modules: list[str]  # from the most popular to the least; the last two are the new ones
    majors: Numbers
    newest_releases: Numbers  # on the last day
    release_intervals: Numbers  # in days
    source_bytes: Shares
    popularity: Shares
    trending: Numbers
    users: list[str]
    organizations: list[str]
    user_organizations: Numbers  # -1 = none
    user_languages: Numbers
    activity: Shares
    human_activity: Shares  # without service accounts
    dependencies: Numbers  # of each user 20 modules, of which the first `dependency_counts` are used
    dependency_counts: Numbers


def build_world(options: SampleOptions) -> World:
    """The world of a seed and a volume."""
    rng = np.random.default_rng([options.seed, 0])
    scale = options.events_per_day / 10_000
    module_count, user_count = max(120, round(300 * scale**0.33)), max(40, round(800 * scale**0.7))
    modules = _module_names(rng, module_count)
    # Zipf-Mandelbrot: the offset keeps the first module at a few per cent instead of a fifth of everything.
    popularity = 1 / (np.arange(module_count) + 6.0)
    popularity[-2:] = 0
    popularity /= popularity.sum()
    newest_releases = rng.integers(3, 24, module_count)
    newest_releases[-2:] = 1

    organizations = [org + unit for unit, org in product(UNITS, ORGS)][: max(12, user_count // 25)]
    shares = 1 / (np.arange(len(organizations)) + 3.0)
    user_organizations = rng.choice(len(organizations), user_count, p=shares / shares.sum())
    is_service = rng.random(user_count) < 0.04
    users = [
        f"svc_{organizations[organization]}_ci_{i:05d}" if service else f"usr_{i:06d}"
        for i, (organization, service) in enumerate(zip(user_organizations, is_service, strict=True))
    ]
    user_organizations[~is_service & (rng.random(user_count) < 0.2)] = -1
    activity = rng.lognormal(0, 0.8, user_count)
    return World(
        modules=modules,
        majors=np.array([int(name[-1]) for name in modules]),
        newest_releases=newest_releases,
        release_intervals=rng.integers(9, 90, module_count),
        source_bytes=rng.lognormal(np.log(40_000), 0.9, module_count),
        popularity=popularity,
        trending=rng.choice(np.arange(module_count // 10, module_count // 5), 5, replace=False),
        users=users,
        organizations=organizations,
        user_organizations=user_organizations,
        user_languages=rng.choice(len(LANGUAGES), user_count, p=LANGUAGE_SHARE),
        activity=activity * np.where(is_service, 15, 1),
        human_activity=activity * ~is_service,
        dependencies=weighted(rng.random((user_count, 20)), popularity),
        dependency_counts=rng.integers(10, 21, user_count),
    )


def _module_names(rng: np.random.Generator, count: int) -> list[str]:
    names: dict[str, None] = {}  # an ordered set
    while len(names) < count:
        words = [ORGS[rng.integers(len(ORGS))], DOMAINS[rng.integers(len(DOMAINS))]]
        if rng.random() < 0.45:
            words.append(TOPICS[rng.integers(len(TOPICS))])
        names[".".join([*words, f"v{rng.choice([1, 1, 1, 1, 2, 2, 3])}"])] = None
    return [*list(names)[:-3], "initech.tools<b>beta</b>.v1", *list(names)[-2:]]


@dataclass(frozen=True)
class Draws(Moments):
    """Who does what at these moments: positions in the world's lists, one value per event."""

    user: Numbers
    is_anonymous: Flags
    module: Numbers
    version: Numbers


def draw(world: World, moments: Moments, *, by_humans: bool) -> Draws:
    """Draw who does something with which version of which module at these moments."""
    rng, size = moments.rng, moments.size
    user = weighted(rng.random(size), world.human_activity if by_humans else world.activity)
    slot = (rng.random(size) ** 1.3 * world.dependency_counts[user]).astype(np.int64)
    browsed = weighted(rng.random(size), world.popularity)
    module = np.where(rng.random(size) < (0.1 if by_humans else 0.015), browsed, world.dependencies[user, slot])
    # Trending modules reach eight times their share on the last day; the new ones are there since five and three days.
    age = (moments.options.last_day - moments.day).days
    extra = world.popularity[world.trending] * max(7 - age, 0)
    attraction = np.array([*extra, 0.004 * (age <= 5), 0.004 * (age <= 3)])
    attracted = weighted(rng.random(size), np.append(attraction, 1 - attraction.sum()))
    module = np.where(attracted < 7, np.array([*world.trending, -2, -1, 0])[attracted], module) % len(world.modules)

    # A user's version of a module follows its releases at a distance that depends on these two only.
    interval = world.release_intervals
    newest = world.newest_releases - (age + interval // 2) // interval
    lag = _LAGS[(user * 1_000_003 + module * 7_919) // 8 % len(_LAGS)]
    return Draws(
        **vars(moments),
        user=user,
        is_anonymous=rng.random(size) < 0.08,
        module=module,
        version=(world.majors[module] - 1) * RELEASES + np.maximum(newest[module] - lag, 0),
    )


def clients(draws: Draws, language: Numbers) -> Numbers:
    """Positions in `CLIENTS`: mostly the SDK of the language, in the user's version of it."""
    kind = draws.rng.random(draws.size)
    sdk = language * len(SDK_VERSIONS) + draws.user % 11 // 2
    client = np.where(kind < 0.7, sdk, np.where(kind < 0.93, CLI + draws.user % 4, CURL))
    return np.where(kind > 0.9995, HOSTILE, client)
