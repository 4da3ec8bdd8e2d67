"""Sample events of the registry: downloads and views of modules, and compilations of them. Schemas: `versions`."""
# ruff: noqa: PLR2004 - the ratios of a made-up world would not be clearer with names

from functools import partial

import numpy as np
import pyarrow as pa

from analytics_etl.families.sample import versions
from analytics_etl.families.sample.columns import Flags, Numbers, Shares, codes, integers, timestamps, uuids
from analytics_etl.families.sample.options import SampleOptions
from analytics_etl.families.sample.rhythm import Moments
from analytics_etl.families.sample.tables import CUT, NO_ZONE, EventTable
from analytics_etl.families.sample.vocabulary import (
    ADDRESSES,
    BROWSERS,
    CLI,
    CLIENTS,
    CODE_SIZE,
    COMPILATION_ERRORS,
    DOWNLOAD_ERRORS,
    FAILURE_RATIO,
    LANGUAGES,
    MEDIAN_MS,
    OUTAGE_MESSAGES,
    REFERRERS,
    USER_AGENTS,
)
from analytics_etl.families.sample.world import RELEASES, VERSIONS, Draws, World, build_world, clients, draw


def make_tables(options: SampleOptions) -> dict[str, EventTable]:
    """The five tables: downloads, of which there are most, views, compilations, versions and uses of fields."""
    world = build_world(options)
    return {
        "download_events": EventTable(
            columns=partial(_downloads, world),
            stream=1,
            share=0.7,
            defects=(
                {"file_size": -1},
                {"duration_ms": -250},
                {"module_name": None},
                {"success": True, "error_message": "connection reset by peer"},
            ),
            text_defects=({"file_size": "many"}, {"downloaded_at": NO_ZONE}, {"event_id": CUT}),
        ),
        "module_view_events": EventTable(
            columns=partial(_module_views, world),
            stream=2,
            share=0.2,
            defects=({"page_type": "popup"}, {"source": "fax"}, {"source": None}),
            text_defects=({"event_id": "view-1"}, {"viewed_at": NO_ZONE}, {"event_id": CUT}),
        ),
        "compilation_events": EventTable(
            columns=partial(_compilations, world),
            stream=3,
            share=0.1,
            defects=(
                {"duration_ms": -40},
                {"output_size": -4096},
                {"language": None},
                {"success": True, "error_type": "timeout"},
            ),
            text_defects=({"success": "perhaps"}, {"started_at": NO_ZONE}, {"event_id": CUT}),
        ),
        **versions.make_tables(world, options),
    }


def _downloads(world: World, moments: Moments) -> dict[str, pa.Array]:
    draws = draw(world, moments, by_humans=False)
    ids = _ids(world, draws)
    language, is_hit = _languages(world, draws), draws.chance(0.72)
    is_failed, message = _failures(draws, 0.012, len(DOWNLOAD_ERRORS))
    sent = np.where(is_failed, 0, _source_bytes(world, draws) * CODE_SIZE[language])
    latency = np.where(is_hit, 18, 95) * draws.rng.lognormal(0, 0.55, draws.size)
    client = clients(draws, language)
    return {
        **ids,
        "downloaded_at": timestamps(draws.time),
        "module_name": codes(draws.module, world.modules),
        "version": codes(draws.version, VERSIONS),
        "language": codes(language, LANGUAGES, draws.chance(0.05)),
        "file_size": integers(sent),
        "duration_ms": integers(latency + sent / 4_000 + 4_000 * draws.is_outage, draws.chance(0.03)),
        "success": pa.array(~is_failed),
        "error_message": codes(message, DOWNLOAD_ERRORS, ~is_failed | draws.chance(0.04)),
        "ip_address": _addresses(draws),
        "user_agent": codes(client, USER_AGENTS, draws.chance(0.01)),
        "client_sdk": codes(client, [sdk for sdk, _, _ in CLIENTS]),
        "client_version": codes(client, [version for _, version, _ in CLIENTS]),
        "cache_hit": pa.array(is_hit & ~is_failed, mask=draws.chance(0.04)),
    }


def _module_views(world: World, moments: Moments) -> dict[str, pa.Array]:
    draws = draw(world, moments, by_humans=True)
    ids = _ids(world, draws)
    pages, sources = ("detail", "list", "search"), ("web", "api", "cli")
    page = draws.rng.choice(3, draws.size, p=[0.65, 0.2, 0.15])
    source = draws.rng.choice(3, draws.size, p=[0.7, 0.2, 0.1])
    web, api = len(CLIENTS) + draws.user % len(BROWSERS), clients(draws, world.user_languages[draws.user])
    agent = np.where(source == 0, web, np.where(source == 1, api, CLI + draws.user % 4))
    is_hostile = draws.chance(0.001)
    referrer = np.where(is_hostile, len(REFERRERS) - 1, draws.rng.integers(0, len(REFERRERS) - 1, draws.size))
    return {
        **ids,
        "viewed_at": timestamps(draws.time),
        "module_name": codes(draws.module, world.modules, page > 0),
        "version": codes(draws.version, VERSIONS, (page > 0) | (draws.user % 10 < 3)),
        "source": codes(source, sources),
        "page_type": codes(page, pages),
        "referrer": codes(referrer, REFERRERS, (source > 0) | (draws.chance(0.4) & ~is_hostile)),
        "ip_address": _addresses(draws),
        "user_agent": codes(agent, USER_AGENTS, draws.chance(0.01)),
    }


def _compilations(world: World, moments: Moments) -> dict[str, pa.Array]:
    draws = draw(world, moments, by_humans=False)
    ids = _ids(world, draws)
    language = _languages(world, draws)
    is_failed, message = _failures(draws, FAILURE_RATIO[language], len(COMPILATION_ERRORS))
    is_hit = draws.chance(0.55) & ~is_failed
    took = MEDIAN_MS[language] * draws.rng.lognormal(0, 0.6, draws.size) * np.where(is_hit, 0.05, 1)
    duration = np.minimum(took + 8_000 * draws.is_outage, 120_000).astype(np.int64)
    is_unfinished, source_bytes = draws.chance(0.01), _source_bytes(world, draws)
    return {
        **ids,
        "started_at": timestamps(draws.time),
        "completed_at": timestamps(draws.time + duration * 1000, is_unfinished),
        "module_name": codes(draws.module, world.modules),
        "version": codes(draws.version, VERSIONS),
        "language": codes(language, LANGUAGES),
        "duration_ms": integers(duration, is_unfinished | draws.chance(0.02)),
        "success": pa.array(~is_failed),
        "error_message": codes(message, [text for _, text in COMPILATION_ERRORS], ~is_failed),
        "error_type": codes(message, [kind for kind, _ in COMPILATION_ERRORS], ~is_failed),
        "cache_hit": pa.array(is_hit, mask=draws.chance(0.04)),
        "file_count": integers(1 + source_bytes / 6_000, draws.chance(0.02)),
        "output_size": integers(source_bytes * CODE_SIZE[language], is_failed),
        "compiler_version": codes(draws.user % 7 // 2, ("29.3", "29.1", "28.3", "27.5"), draws.chance(0.01)),
    }


def _ids(world: World, draws: Draws) -> dict[str, pa.Array]:
    return {
        "event_id": uuids(draws.rng, draws.size),
        "user_id": codes(draws.user, world.users, draws.is_anonymous),
        "organization_id": codes(world.user_organizations[draws.user], world.organizations, draws.is_anonymous),
    }


def _addresses(draws: Draws) -> pa.Array:
    """Two addresses for each user, any for anonymous ones."""
    own = draws.user * 613 + draws.rng.integers(0, 2, draws.size) * 331
    anyones = draws.rng.integers(0, len(ADDRESSES), draws.size)
    return codes(np.where(draws.is_anonymous, anyones, own) % len(ADDRESSES), ADDRESSES, draws.chance(0.01))


def _languages(world: World, draws: Draws) -> Numbers:
    any_language = draws.rng.integers(0, len(LANGUAGES), draws.size)
    return np.where(draws.chance(0.9), world.user_languages[draws.user], any_language)


def _source_bytes(world: World, draws: Draws) -> Shares:
    return world.source_bytes[draws.module] * (1 + 0.02 * (draws.version % RELEASES))


def _failures(draws: Draws, ratio: float | Shares, message_count: int) -> tuple[Flags, Numbers]:
    """Which events fail, and positions of their messages: in an outage mostly the last ones, which are its own."""
    ordinary_count = message_count - len(OUTAGE_MESSAGES)
    ordinary = draws.rng.integers(0, ordinary_count, draws.size)
    of_outage = draws.rng.integers(ordinary_count, message_count, draws.size)
    message = np.where(draws.is_outage & draws.chance(0.9), of_outage, ordinary)
    return draws.chance(np.where(draws.is_outage, 0.55, ratio)), message
