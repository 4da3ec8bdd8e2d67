"""Sample events of the registry family: realistic, deterministic, as large as wanted.

Three steps: a world (modules, users and what they depend on) fixed by the seed and the volume; batches of events
drawn from it, each from its own random stream, so that batches can be made in any order and on several threads;
files written batch by batch, so that memory does not grow with the day. Not here: reading files, the contracts.
"""
# ruff: noqa: PLR2004, SIM905 - the ratios of a made-up world would not be clearer with names; words are easier to read

import csv
import io
import json
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import chain, groupby, product
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

FILE_FORMATS = ("ndjson", "ndjson.gz", "ndjson.zst", "csv", "csv.gz", "csv.zst", "parquet")

Numbers = NDArray[np.int64]
Shares = NDArray[np.float64]
Flags = NDArray[np.bool_]
Row = dict[str, Any]

_BATCH_ROWS = 50_000  # about 25 MB of JSON text; half a dozen batches are in memory at once
_DAY_US = 86_400_000_000
_OUTAGE_HOURS = (13, 16)
# Relative volume at 0, 2, 4, ... 24 o'clock UTC: office hours of Europe, then of America.
_HOURLY = (0.45, 0.35, 0.35, 0.6, 1.5, 1.8, 1.5, 1.9, 1.8, 1.2, 0.8, 0.6, 0.45)
_LAGS = np.array([0, 0, 0, 0, 0, 1, 1, 1, 2, 2, 3, 6])  # releases a pinned version is behind the newest one
_RELEASES = 30  # of each major version
_VERSIONS = pa.array([f"{major}.{release // 3}.{release % 3}" for major in (1, 2, 3) for release in range(_RELEASES)])

_ORGS = (
    "acme globex initech umbrella hooli stark wayne wonka soylent tyrell cyberdyne vandelay massive aperture oscorp "
    "weyland nakatomi gringotts duff krusty bluth virtucon zorin spectre sirius monarch rekall omni lexcorp octan"
).split()
_UNITS = ("", "-labs", "-cloud", "-data", "-mobile", "-europe", "-retail", "-energy", "-finance", "-research")
_DOMAINS = (
    "payments search billing identity orders catalog inventory shipping ledger accounts messaging notifications "
    "users profiles sessions pricing checkout refunds invoices telemetry metrics tracing logging geo maps routing "
    "media images video playlists ads bidding campaigns analytics workflow scheduler tasks calendar mail chat contacts "
    "documents storage backup permissions audit risk fraud lending trading portfolio health devices firmware weather"
).split()
_TOPICS = "query command admin types events stream batch policy config gateway internal public sync export".split()

# language: (median compilation in ms, size of the generated code relative to the source, failure ratio, share)
_LANGUAGES = {
    "go": (900, 1.4, 0.02, 0.3),
    "java": (2400, 2.6, 0.03, 0.2),
    "python": (600, 0.9, 0.025, 0.2),
    "typescript": (1300, 1.2, 0.035, 0.17),
    "rust": (4200, 1.7, 0.045, 0.08),
    "csharp": (1900, 2.1, 0.03, 0.05),
}
_MEDIAN_MS, _CODE_SIZE, _FAILURE_RATIO, _LANGUAGE_SHARE = np.array(list(_LANGUAGES.values())).T
_SCRIPT = "<script>alert(1)</script>"  # a report must show it, never run it

_SDKS = {  # in the order of the languages; with the HTTP library each is built on
    "registry-go": "Go-http-client/2.0",
    "registry-java": "Java/21.0.4",
    "registry-python": "python-httpx/0.27.2",
    "registry-node": "node-fetch/3.3.2",
    "registry-rs": "reqwest/0.12.9",
    "registry-dotnet": ".NET/8.0.11",
}
_SDK_VERSIONS = ("2.4.1", "2.4.0", "2.3.5", "2.2.0", "1.19.3", "1.12.0")
_CLIENTS: list[tuple[str | None, str | None, str]] = [  # SDK, its version, user agent
    *((sdk, version, f"{sdk}/{version} {_SDKS[sdk]}") for sdk, version in product(_SDKS, _SDK_VERSIONS)),
    *(("registry-cli", v, f"registry-cli/{v} (linux; amd64)") for v in ("1.42.0", "1.41.2", "1.38.0", "1.30.1")),
    (None, None, "curl/8.9.1"),
    (None, None, f"Mozilla/5.0 {_SCRIPT}"),
]
_CLI, _CURL, _HOSTILE = len(_SDKS) * len(_SDK_VERSIONS), len(_CLIENTS) - 2, len(_CLIENTS) - 1
_SYSTEMS = ("Windows NT 10.0; Win64; x64", "Macintosh; Intel Mac OS X 10_15_7", "X11; Linux x86_64")
_BROWSERS = [
    *(f"Mozilla/5.0 ({os_}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/134.0.0.0 Safari/537.36" for os_ in _SYSTEMS),
    *(f"Mozilla/5.0 ({os_}; rv:136.0) Gecko/20100101 Firefox/136.0" for os_ in _SYSTEMS),
]
_USER_AGENTS = [*(agent for _, _, agent in _CLIENTS), *_BROWSERS]
_ADDRESSES = [  # of the ranges reserved for documentation
    *(f"{net}.{host}" for net, host in product(("192.0.2", "198.51.100", "203.0.113"), range(1, 255))),
    *(f"2001:db8:{net:x}::{host:x}" for net, host in product(range(1, 65), range(1, 17))),
]
_REFERRERS = [
    *(f"https://registry.example.com/search?q={word}" for word in _DOMAINS),
    *("https://registry.example.com/", "https://docs.example.org/schemas", "https://www.example.net/blog/registry"),
    f"https://registry.example.com/search?q={_SCRIPT}",
]

_OUTAGE_MESSAGES = [
    "storage backend unavailable (503)",
    "upstream did not answer within 30 s",
    "connection refused by origin",
]
_USUAL_ERRORS = [
    "permission denied: the token lacks the scope module:read",
    "version not found",
    "connection reset by peer",
    "checksum mismatch: the archive is incomplete",
    "rate limit exceeded, retry after 60 s",
]
_DOWNLOAD_ERRORS = [*_USUAL_ERRORS * 8, f'invalid request header "X-Client: {_SCRIPT}"', *_OUTAGE_MESSAGES]
_COMPILATION_ERRORS = [  # type, message
    *(("syntax_error", f'{w}.proto:{9 + 7 * i}:{1 + i % 9}: expected ";"') for i, w in enumerate(_DOMAINS)),
    *(("unresolved_import", f'{w}.proto:{3 + i % 6}:1: "{w}.proto" not found') for i, w in enumerate(_DOMAINS)),
    *(("type_conflict", f"{w}.proto:{40 + 3 * i}:9: {w.title()} is already defined") for i, w in enumerate(_DOMAINS)),
    *(("plugin_error", f"plugin for {language} exited with status 1") for language in _LANGUAGES),
    ("timeout", "compiler did not finish within 120 s"),
    ("out_of_memory", "compiler was stopped: more than 2 GiB used"),
    ("syntax_error", f'billing.proto:7:3: unexpected "{_SCRIPT}" & "{_SCRIPT}"'),
    *(("internal_error", message) for message in _OUTAGE_MESSAGES),
]

# What is wrong with a bad row: values that replace the right ones; the last three do not fit into a typed file.
_NO_ZONE, _CUT = "(the time, without its zone)", "(the line ends early)"
_DEFECTS: dict[str, tuple[Row, ...]] = {
    "download_events": (
        {"file_size": -1},
        {"duration_ms": -250},
        {"module_name": None},
        {"success": True, "error_message": "connection reset by peer"},
        *({"file_size": "many"}, {"downloaded_at": _NO_ZONE}, {"event_id": _CUT}),
    ),
    "module_view_events": (
        {"page_type": "popup"},
        {"source": "fax"},
        {"source": None},
        *({"event_id": "view-1"}, {"viewed_at": _NO_ZONE}, {"event_id": _CUT}),
    ),
    "compilation_events": (
        {"duration_ms": -40},
        {"output_size": -4096},
        {"language": None},
        {"success": True, "error_type": "timeout"},
        *({"success": "perhaps"}, {"started_at": _NO_ZONE}, {"event_id": _CUT}),
    ),
}
_TABLES = tuple(_DEFECTS)


@dataclass(frozen=True)
class SampleOptions:
    """What to generate; equal options give equal files.

    `events_per_day` counts the distinct events of the three tables together (70, 20 and 10 % of them): valid ones and
    bad rows, without the second copies that `duplicate_ratio` adds on top. With `rhythm` it is the level of an
    ordinary weekday on `last_day`: a day's number is this times 0.4 on a weekend, divided by 1.01 for every day before
    `last_day`, times a noise between 0.97 and 1.03, less what the outage swallowed. Without `rhythm` every day has
    exactly `events_per_day`. `outage`: three hours of failures, ten days before `last_day`.

    A day's rows do not depend on `days`, nor on `file_format` but for the defects that a typed file cannot hold.
    """

    last_day: date
    days: int = 35
    events_per_day: int = 10_000
    seed: int = 1
    file_format: str = "ndjson.zst"
    bad_row_ratio: float = 0.001
    duplicate_ratio: float = 0.002
    outage: bool = True
    rhythm: bool = True

    def __post_init__(self) -> None:
        if self.file_format not in FILE_FORMATS:
            raise ValueError(f"file_format must be one of {', '.join(FILE_FORMATS)}, but is {self.file_format!r}")
        for name, minimum in (("days", 1), ("events_per_day", 1), ("seed", 0)):
            if getattr(self, name) < minimum:
                raise ValueError(f"{name} must be at least {minimum}, but is {getattr(self, name)}")
        for name in ("bad_row_ratio", "duplicate_ratio"):
            if not 0 <= getattr(self, name) <= 0.5:
                raise ValueError(f"{name} must lie between 0 and 0.5, but is {getattr(self, name)}")


def write_sample(landing: Path, options: SampleOptions, progress: Callable[[date], None] | None = None) -> list[Path]:
    """Write `landing/<table>/<day>.<format>` for every day and table with events; return the paths, sorted.

    Each file appears whole or not at all. `progress` is called with each day once its files are there.
    """
    paths = []
    for day, of_day in groupby(_rendered_batches(options), key=lambda batch: batch[0].day):
        for table, batches in groupby(of_day, key=lambda batch: batch[0].table):
            path = landing / table / f"{day}.{options.file_format}"
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
            try:
                _write_file(temporary, options.file_format, chain.from_iterable(parts for _, parts in batches))
                temporary.replace(path)
            finally:
                temporary.unlink(missing_ok=True)
            paths.append(path)
        if progress:
            progress(day)
    return sorted(paths)


@dataclass(frozen=True)
class _Task:
    """One batch: `size` of the `total` events of a table on a day, from number `first` on."""

    day: date
    table: str
    first: int
    size: int
    total: int


def _tasks(options: SampleOptions) -> Iterator[_Task]:
    for age in reversed(range(options.days)):
        day = options.last_day - timedelta(days=age)
        events = _day_events(options, day)
        views, compilations = round(events * 0.2), round(events * 0.1)
        for table, total in zip(_TABLES, (events - views - compilations, views, compilations), strict=True):
            for first in range(0, total, _BATCH_ROWS):
                yield _Task(day, table, first, min(_BATCH_ROWS, total - first), total)


def _day_events(options: SampleOptions, day: date) -> int:
    if not options.rhythm:
        return options.events_per_day
    noise = np.random.default_rng([options.seed, day.toordinal()]).uniform(0.97, 1.03)
    level = (0.4 if day.isoweekday() > 5 else 1.0) / 1.01 ** (options.last_day - day).days
    not_swallowed = (
        _minute_weights(has_outage=_has_outage(options, day)).sum() / _minute_weights(has_outage=False).sum()
    )
    return round(float(options.events_per_day * level * noise * not_swallowed))


def _minute_weights(*, has_outage: bool) -> Shares:
    """Relative volume of the 1440 minutes of a day."""
    weights = np.interp(np.arange(1440), np.linspace(0, 1440, len(_HOURLY)), _HOURLY)
    if has_outage:
        weights[_OUTAGE_HOURS[0] * 60 : _OUTAGE_HOURS[1] * 60] *= 0.25
    return weights


def _has_outage(options: SampleOptions, day: date) -> bool:
    return options.outage and day == options.last_day - timedelta(days=10)


@dataclass(frozen=True)
class _World:
    """Who and what there is: fixed by the seed and the volume, the same on every day."""

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


def _build_world(options: SampleOptions) -> _World:
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

    organizations = [org + unit for unit, org in product(_UNITS, _ORGS)][: max(12, user_count // 25)]
    shares = 1 / (np.arange(len(organizations)) + 3.0)
    user_organizations = rng.choice(len(organizations), user_count, p=shares / shares.sum())
    is_service = rng.random(user_count) < 0.04
    users = [
        f"svc_{organizations[organization]}_ci_{i:05d}" if service else f"usr_{i:06d}"
        for i, (organization, service) in enumerate(zip(user_organizations, is_service, strict=True))
    ]
    user_organizations[~is_service & (rng.random(user_count) < 0.2)] = -1
    activity = rng.lognormal(0, 0.8, user_count)
    return _World(
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
        user_languages=rng.choice(len(_LANGUAGES), user_count, p=_LANGUAGE_SHARE),
        activity=activity * np.where(is_service, 15, 1),
        human_activity=activity * ~is_service,
        dependencies=_draw(rng.random((user_count, 20)), popularity),
        dependency_counts=rng.integers(10, 21, user_count),
    )


def _module_names(rng: np.random.Generator, count: int) -> list[str]:
    names: dict[str, None] = {}  # an ordered set
    while len(names) < count:
        words = [_ORGS[rng.integers(len(_ORGS))], _DOMAINS[rng.integers(len(_DOMAINS))]]
        if rng.random() < 0.45:
            words.append(_TOPICS[rng.integers(len(_TOPICS))])
        names[".".join([*words, f"v{rng.choice([1, 1, 1, 1, 2, 2, 3])}"])] = None
    return [*list(names)[:-3], "initech.tools<b>beta</b>.v1", *list(names)[-2:]]


def _draw(uniform: Shares, weights: Shares) -> Numbers:
    """Positions in `weights`, each as likely as its weight."""
    cumulative = weights.cumsum()
    positions: Numbers = np.searchsorted(cumulative, uniform * cumulative[-1], side="right")
    return np.minimum(positions, len(weights) - 1, dtype=np.int64)


@dataclass(frozen=True)
class _Draws:
    """What events of every table have in common, one value per event; times in microseconds since 1970."""

    rng: np.random.Generator
    size: int
    time: Numbers
    is_outage: Flags
    user: Numbers
    is_anonymous: Flags
    module: Numbers
    version: Numbers

    def chance(self, ratio: float | Shares) -> Flags:
        return self.rng.random(self.size) < ratio


def _draw_events(world: _World, options: SampleOptions, task: _Task) -> _Draws:
    stream = [options.seed, task.day.toordinal(), 1 + _TABLES.index(task.table), task.first]
    rng, size, is_view = np.random.default_rng(stream), task.size, task.table == "module_view_events"
    has_outage = _has_outage(options, task.day)
    cumulative = np.concatenate([[0.0], _minute_weights(has_outage=has_outage).cumsum()])
    # The batch is a slice of the day, in order of time, so that the file is as well.
    position = (task.first + size * np.sort(rng.random(size))) / task.total
    minute = np.interp(position, cumulative / cumulative[-1], np.arange(1441))
    offset = np.minimum((minute * 60_000_000).astype(np.int64), _DAY_US - 1)

    user = _draw(rng.random(size), world.human_activity if is_view else world.activity)
    slot = (rng.random(size) ** 1.3 * world.dependency_counts[user]).astype(np.int64)
    browsed = _draw(rng.random(size), world.popularity)
    module = np.where(rng.random(size) < (0.1 if is_view else 0.015), browsed, world.dependencies[user, slot])
    # Trending modules reach eight times their share on the last day; the new ones are there since five and three days.
    age = (options.last_day - task.day).days
    extra = world.popularity[world.trending] * max(7 - age, 0)
    attraction = np.array([*extra, 0.004 * (age <= 5), 0.004 * (age <= 3)])
    attracted = _draw(rng.random(size), np.append(attraction, 1 - attraction.sum()))
    module = np.where(attracted < 7, np.array([*world.trending, -2, -1, 0])[attracted], module) % len(world.modules)

    # A user's version of a module follows its releases at a distance that depends on these two only.
    interval = world.release_intervals
    newest = world.newest_releases - (age + interval // 2) // interval
    lag = _LAGS[(user * 1_000_003 + module * 7_919) // 8 % len(_LAGS)]
    return _Draws(
        rng=rng,
        size=size,
        time=(task.day - date(1970, 1, 1)).days * _DAY_US + offset,
        is_outage=has_outage & (minute >= _OUTAGE_HOURS[0] * 60) & (minute < _OUTAGE_HOURS[1] * 60),
        user=user,
        is_anonymous=rng.random(size) < 0.08,
        module=module,
        version=(world.majors[module] - 1) * _RELEASES + np.maximum(newest[module] - lag, 0),
    )


def _codes(codes: Numbers, values: Iterable[str | None], is_null: Flags | None = None) -> pa.Array:
    """Text column: positions in `values`; NULL where a position is negative or `is_null`."""
    mask = codes < 0 if is_null is None else is_null | (codes < 0)
    return pa.DictionaryArray.from_arrays(pa.array(codes.astype(np.int32), mask=mask), pa.array(values, pa.string()))


def _integers(values: NDArray[Any], is_null: Flags | None = None) -> pa.Array:
    return pa.array(values.astype(np.int64), mask=is_null)


def _timestamps(time: Numbers, is_null: Flags | None = None) -> pa.Array:
    return pa.array(time, mask=is_null).cast(pa.timestamp("us", "UTC"))


def _uuids(rng: np.random.Generator, size: int) -> pa.Array:
    """Random version 4 UUIDs as text."""
    octets = np.frombuffer(rng.bytes(16 * size), np.uint8).reshape(size, 16).copy()
    octets[:, 6] = octets[:, 6] & 0x0F | 0x40
    octets[:, 8] = octets[:, 8] & 0x3F | 0x80
    digits = np.frombuffer(bytes(range(256)).hex().encode(), np.uint16)[octets].view(np.uint8)
    text = np.full((size, 36), ord("-"), np.uint8)
    for hyphens, (start, stop) in enumerate([(0, 8), (8, 12), (12, 16), (16, 20), (20, 32)]):
        text[:, start + hyphens : stop + hyphens] = digits[:, start:stop]
    offsets = np.arange(0, 36 * (size + 1), 36, dtype=np.int32)
    return pa.StringArray.from_buffers(size, pa.py_buffer(offsets), pa.py_buffer(text))


def _addresses(draws: _Draws) -> pa.Array:
    """Two addresses for each user, any for anonymous ones."""
    own = draws.user * 613 + draws.rng.integers(0, 2, draws.size) * 331
    anyones = draws.rng.integers(0, len(_ADDRESSES), draws.size)
    return _codes(np.where(draws.is_anonymous, anyones, own) % len(_ADDRESSES), _ADDRESSES, draws.chance(0.01))


def _clients(draws: _Draws, language: Numbers) -> Numbers:
    """Positions in `_CLIENTS`: mostly the SDK of the language, in the user's version of it."""
    kind = draws.rng.random(draws.size)
    sdk = language * len(_SDK_VERSIONS) + draws.user % 11 // 2
    client = np.where(kind < 0.7, sdk, np.where(kind < 0.93, _CLI + draws.user % 4, _CURL))
    return np.where(kind > 0.9995, _HOSTILE, client)


def _languages(world: _World, draws: _Draws) -> Numbers:
    any_language = draws.rng.integers(0, len(_LANGUAGES), draws.size)
    return np.where(draws.chance(0.9), world.user_languages[draws.user], any_language)


def _source_bytes(world: _World, draws: _Draws) -> Shares:
    return world.source_bytes[draws.module] * (1 + 0.02 * (draws.version % _RELEASES))


def _failures(draws: _Draws, ratio: float | Shares, message_count: int) -> tuple[Flags, Numbers]:
    """Which events fail, and positions of their messages: in an outage mostly the last ones, which are its own."""
    ordinary_count = message_count - len(_OUTAGE_MESSAGES)
    ordinary = draws.rng.integers(0, ordinary_count, draws.size)
    of_outage = draws.rng.integers(ordinary_count, message_count, draws.size)
    message = np.where(draws.is_outage & draws.chance(0.9), of_outage, ordinary)
    return draws.chance(np.where(draws.is_outage, 0.55, ratio)), message


def _download_columns(world: _World, draws: _Draws) -> dict[str, pa.Array]:
    language, is_hit = _languages(world, draws), draws.chance(0.72)
    is_failed, message = _failures(draws, 0.012, len(_DOWNLOAD_ERRORS))
    sent = np.where(is_failed, 0, _source_bytes(world, draws) * _CODE_SIZE[language])
    latency = np.where(is_hit, 18, 95) * draws.rng.lognormal(0, 0.55, draws.size)
    client = _clients(draws, language)
    return {
        "downloaded_at": _timestamps(draws.time),
        "module_name": _codes(draws.module, world.modules),
        "version": _codes(draws.version, _VERSIONS),
        "language": _codes(language, _LANGUAGES, draws.chance(0.05)),
        "file_size": _integers(sent),
        "duration_ms": _integers(latency + sent / 4_000 + 4_000 * draws.is_outage, draws.chance(0.03)),
        "success": pa.array(~is_failed),
        "error_message": _codes(message, _DOWNLOAD_ERRORS, ~is_failed | draws.chance(0.04)),
        "ip_address": _addresses(draws),
        "user_agent": _codes(client, _USER_AGENTS, draws.chance(0.01)),
        "client_sdk": _codes(client, [sdk for sdk, _, _ in _CLIENTS]),
        "client_version": _codes(client, [version for _, version, _ in _CLIENTS]),
        "cache_hit": pa.array(is_hit & ~is_failed, mask=draws.chance(0.04)),
    }


def _module_view_columns(world: _World, draws: _Draws) -> dict[str, pa.Array]:
    pages, sources = ("detail", "list", "search"), ("web", "api", "cli")
    page = draws.rng.choice(3, draws.size, p=[0.65, 0.2, 0.15])
    source = draws.rng.choice(3, draws.size, p=[0.7, 0.2, 0.1])
    web, api = len(_CLIENTS) + draws.user % len(_BROWSERS), _clients(draws, world.user_languages[draws.user])
    agent = np.where(source == 0, web, np.where(source == 1, api, _CLI + draws.user % 4))
    is_hostile = draws.chance(0.001)
    referrer = np.where(is_hostile, len(_REFERRERS) - 1, draws.rng.integers(0, len(_REFERRERS) - 1, draws.size))
    return {
        "viewed_at": _timestamps(draws.time),
        "module_name": _codes(draws.module, world.modules, page > 0),
        "version": _codes(draws.version, _VERSIONS, (page > 0) | (draws.user % 10 < 3)),
        "source": _codes(source, sources),
        "page_type": _codes(page, pages),
        "referrer": _codes(referrer, _REFERRERS, (source > 0) | (draws.chance(0.4) & ~is_hostile)),
        "ip_address": _addresses(draws),
        "user_agent": _codes(agent, _USER_AGENTS, draws.chance(0.01)),
    }


def _compilation_columns(world: _World, draws: _Draws) -> dict[str, pa.Array]:
    language = _languages(world, draws)
    is_failed, message = _failures(draws, _FAILURE_RATIO[language], len(_COMPILATION_ERRORS))
    is_hit = draws.chance(0.55) & ~is_failed
    took = _MEDIAN_MS[language] * draws.rng.lognormal(0, 0.6, draws.size) * np.where(is_hit, 0.05, 1)
    duration = np.minimum(took + 8_000 * draws.is_outage, 120_000).astype(np.int64)
    is_unfinished, source_bytes = draws.chance(0.01), _source_bytes(world, draws)
    return {
        "started_at": _timestamps(draws.time),
        "completed_at": _timestamps(draws.time + duration * 1000, is_unfinished),
        "module_name": _codes(draws.module, world.modules),
        "version": _codes(draws.version, _VERSIONS),
        "language": _codes(language, _LANGUAGES),
        "duration_ms": _integers(duration, is_unfinished | draws.chance(0.02)),
        "success": pa.array(~is_failed),
        "error_message": _codes(message, [text for _, text in _COMPILATION_ERRORS], ~is_failed),
        "error_type": _codes(message, [kind for kind, _ in _COMPILATION_ERRORS], ~is_failed),
        "cache_hit": pa.array(is_hit, mask=draws.chance(0.04)),
        "file_count": _integers(1 + source_bytes / 6_000, draws.chance(0.02)),
        "output_size": _integers(source_bytes * _CODE_SIZE[language], is_failed),
        "compiler_version": _codes(draws.user % 7 // 2, ("29.3", "29.1", "28.3", "27.5"), draws.chance(0.01)),
    }


_COLUMNS = dict(zip(_TABLES, (_download_columns, _module_view_columns, _compilation_columns), strict=True))


def _batch(world: _World, options: SampleOptions, task: _Task) -> tuple[pa.RecordBatch, dict[int, Row]]:
    """The rows of a batch, second copies among them, and what is wrong with which of them."""
    draws = _draw_events(world, options, task)
    columns = {
        "event_id": _uuids(draws.rng, draws.size),
        "user_id": _codes(draws.user, world.users, draws.is_anonymous),
        "organization_id": _codes(world.user_organizations[draws.user], world.organizations, draws.is_anonymous),
        **_COLUMNS[task.table](world, draws),
    }
    rng, originals = draws.rng, np.arange(draws.size)
    copied = np.flatnonzero(draws.chance(options.duplicate_ratio))
    # A copy follows its original after up to a thousand rows.
    order = np.argsort(np.append(originals, copied + rng.integers(1, 1001, len(copied))), kind="stable")
    rows = np.append(originals, copied)[order]
    # A tenth of the copies are changed: later, by at most ten seconds, and still of the same day.
    is_changed = (order >= draws.size) & (rng.random(len(order)) < 0.1)
    room = _DAY_US - 1 - draws.time[rows] % _DAY_US
    delay = pa.array(is_changed * np.minimum(rng.integers(1, 10_000_000, len(rows)), room), pa.duration("us"))
    for name, column in columns.items():
        moved = column.take(pa.array(rows))
        columns[name] = pc.add(moved, delay) if pa.types.is_timestamp(column.type) else moved
    is_bad = draws.chance(options.bad_row_ratio)
    is_bad[copied] = False
    defects = _DEFECTS[task.table][: -3 if options.file_format == "parquet" else None]
    bad_rows = np.flatnonzero(is_bad[rows])
    chosen = rng.integers(0, len(defects), len(bad_rows))
    return pa.RecordBatch.from_pydict(columns), dict(zip(bad_rows.tolist(), (defects[i] for i in chosen), strict=True))


def _rendered_batches(options: SampleOptions) -> Iterator[tuple[_Task, list[Any]]]:
    """Yield what `_render` gives for each task, in order, while two threads work a few tasks ahead."""
    world = _build_world(options)
    pending: deque[tuple[_Task, Future[list[Any]]]] = deque()
    with ThreadPoolExecutor(2) as threads:
        for task in _tasks(options):
            pending.append((task, threads.submit(_render, world, options, task)))
            if len(pending) > 3:
                done, parts = pending.popleft()
                yield done, parts.result()
        for done, parts in pending:
            yield done, parts.result()


def _render(world: _World, options: SampleOptions, task: _Task) -> list[Any]:
    """What is to be written for a batch, one piece after the other: a table, or bytes."""
    batch, defects = _batch(world, options, task)
    if options.file_format == "parquet":
        return [_with_defects(batch, defects)]
    is_json = options.file_format.startswith("ndjson")
    lines = _json_lines(batch) if is_json else _csv_lines(batch)
    if defects:
        is_bad = np.zeros(len(lines), bool)
        is_bad[list(defects)] = True
        lines = pc.replace_with_mask(lines, pa.array(is_bad), pa.array(_bad_lines(batch, defects, is_json=is_json)))
    # Arrow keeps a text column as its values, one after the other: that is the text of the file already.
    _, offsets, text = lines.buffers()
    header = "" if is_json or task.first else ",".join(batch.schema.names) + "\n"
    return [header.encode(), text.slice(0, np.frombuffer(offsets, np.int32)[len(lines)])]


def _json_lines(batch: pa.RecordBatch) -> pa.Array:
    def quoted(values: pa.Array) -> pa.Array:
        escaped = pc.replace_substring(pc.replace_substring(values, "\\", "\\\\"), '"', '\\"')
        return pc.binary_join_element_wise('"', escaped, '"', "")

    names = [f'{"," if i else "{"}"{name}":' for i, name in enumerate(batch.schema.names)]
    texts = [_text(column, quoted, "null") for column in batch.columns]
    return pc.binary_join_element_wise(*chain.from_iterable(zip(names, texts, strict=True)), "}\n", "")


def _csv_lines(batch: pa.RecordBatch) -> pa.Array:
    def quoted(values: pa.Array) -> pa.Array:
        in_quotes = pc.binary_join_element_wise('"', pc.replace_substring(values, '"', '""'), '"', "")
        return pc.if_else(pc.match_substring_regex(values, '[,"]'), in_quotes, values)

    texts = [_text(column, quoted, "") for column in batch.columns]
    return pc.binary_join_element_wise(pc.binary_join_element_wise(*texts, ","), "\n", "")


def _text(column: pa.Array, quoted: Callable[[pa.Array], pa.Array], null: str) -> pa.Array:
    """The values as they stand in a line."""
    if pa.types.is_dictionary(column.type):
        text = quoted(column.dictionary).take(column.indices)  # only distinct values are quoted
    elif pa.types.is_timestamp(column.type):
        utc = column.cast(pa.timestamp("us")).cast(pa.string())  # in one step it takes ten times as long
        text = quoted(pc.binary_join_element_wise(pc.replace_substring(utc, " ", "T"), "Z", ""))
    else:
        text = quoted(column) if pa.types.is_string(column.type) else column.cast(pa.string())
    return text.fill_null(null)


def _bad_lines(batch: pa.RecordBatch, defects: Mapping[int, Row], *, is_json: bool) -> Iterator[str]:
    for row, defect in zip(batch.take(pa.array(defects)).to_pylist(), defects.values(), strict=True):
        for name, value in row.items():
            if isinstance(value, datetime):
                row[name] = f"{value:%Y-%m-%d %H:%M:%S}" if name in defect else f"{value:%Y-%m-%dT%H:%M:%S.%fZ}"
        row |= {name: value for name, value in defect.items() if value not in (_CUT, _NO_ZONE)}
        is_cut = _CUT in defect.values()
        if is_json:
            line = json.dumps(row, separators=(",", ":"))
            yield (line[: len(line) // 2] if is_cut else line) + "\n"
        else:
            fields = [str(value).lower() if isinstance(value, bool) else value for value in row.values()]
            buffer = io.StringIO()
            csv.writer(buffer, lineterminator="\n").writerow(fields[:-3] if is_cut else fields)
            yield buffer.getvalue()


def _with_defects(batch: pa.RecordBatch, defects: Mapping[int, Row]) -> pa.Table:
    """The batch with its bad rows; its text columns no longer dictionaries, so that all batches have one schema."""
    schema = pa.schema((f.name, pa.string() if pa.types.is_dictionary(f.type) else f.type) for f in batch.schema)
    good = batch.take(pa.array(defects, pa.int64())).to_pylist()
    bad = [row | defect for row, defect in zip(good, defects.values(), strict=True)]
    rows = np.arange(len(batch))
    rows[list(defects)] = len(batch) + np.arange(len(bad))
    return pa.Table.from_batches([batch.cast(schema), pa.RecordBatch.from_pylist(bad, schema)]).take(pa.array(rows))


def _write_file(path: Path, file_format: str, parts: Iterator[Any]) -> None:
    if file_format == "parquet":
        first = next(parts)
        with pq.ParquetWriter(path, first.schema, compression="zstd") as writer:
            for table in chain([first], parts):
                writer.write_table(table)
        return
    compression = {"gz": "gzip", "zst": "zstd"}.get(file_format.rpartition(".")[2])
    with pa.output_stream(str(path), compression=compression) as stream:
        for text in parts:
            stream.write(text)
