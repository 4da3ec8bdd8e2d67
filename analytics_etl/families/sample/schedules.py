"""Sample records of schedule executions on their way through the three tiers."""
# ruff: noqa: PLR2004 - the ratios of a made-up world would not be clearer with names

from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from itertools import product

import numpy as np
import pyarrow as pa

from analytics_etl.families.sample.columns import Flags, Numbers, Shares, codes, integers, timestamps, uuids, weighted
from analytics_etl.families.sample.options import SampleOptions
from analytics_etl.families.sample.rhythm import Moments
from analytics_etl.families.sample.tables import CUT, NO_ZONE, EventTable
from analytics_etl.families.sample.vocabulary import DOMAINS

_TIERS, _EVENT_TYPES = ("mongo", "clickhouse", "redis"), ("execution", "transfer", "processing")
_RESULTS = ("success", "failure", "skipped", "timeout", "retry", "cancelled")
_LEVELS = (0, 2, 0, 2, 1, 1)  # of the results: INFO, ERROR, INFO, ERROR, WARNING, WARNING
_MONGO, _CLICKHOUSE, _REDIS = range(3)
_SUCCESS, _FAILURE, _SKIPPED, _TIMEOUT, _RETRY, _CANCELLED = range(6)

# What three records in a row tell of one execution: (tier, result, attempts before).
_COURSES = np.array(
    [
        [(_MONGO, _SUCCESS, 0), (_CLICKHOUSE, _SUCCESS, 0), (_REDIS, _SUCCESS, 0)],
        [(_MONGO, _RETRY, 0), (_MONGO, _SUCCESS, 1), (_CLICKHOUSE, _SKIPPED, 0)],
        [(_MONGO, _SUCCESS, 0), (_CLICKHOUSE, _RETRY, 0), (_CLICKHOUSE, _SUCCESS, 1)],  # and lost
        [(_MONGO, _SUCCESS, 0), (_REDIS, _RETRY, 0), (_REDIS, _SUCCESS, 1)],  # the transfer was not recorded
        [(_MONGO, _SUCCESS, 0), (_CLICKHOUSE, _SUCCESS, 0), (_REDIS, _FAILURE, 0)],
        [(_MONGO, _SUCCESS, 0), (_CLICKHOUSE, _RETRY, 0), (_CLICKHOUSE, _TIMEOUT, 1)],
        [(_MONGO, _RETRY, 0), (_MONGO, _RETRY, 1), (_MONGO, _FAILURE, 2)],
    ]
)
_TROUBLED = np.array([0, 0.25, 0.25, 0.2, 0.1, 0.1, 0.1])  # of every twelfth execution; the others are fine
_IN_OUTAGE = np.array([0.4, 0.02, 0.08, 0.04, 0.2, 0.2, 0.06])
_QUEUE_MS, _PROCESSING_MS = np.array([900, 2_500, 120]), np.array([1_500, 6_000, 80])  # medians of the tiers

_MESSAGES = [
    [f"connection to 10.0.{i}.{7 * i % 250}:27017 timed out after {1000 + 250 * i} ms" for i in range(12)],
    [f"document 66f0{4099 * (i + 16):08x}{7 * i:012x} is locked by worker-{i}" for i in range(12)],
    [f"Code: 241. Memory limit exceeded: would use {9 + i}.31 GiB, part all_{i}_{i + 3}_1" for i in range(12)],
    [f"Code: 159. TIMEOUT_EXCEEDED after {30 + i} s on /data/transfers/{i:04}/part.bin" for i in range(12)],
    [f"broker {i % 3} not available: topic 'results-{i}' has no leader" for i in range(12)],
    [f'cannot decode "{word}": <script>alert({i})</script> at byte {i}' for i, word in enumerate(DOMAINS[:12])],
]
_NEW_MESSAGES = [f"schema registry answered 409 for subject {word}-value" for word in DOMAINS[:12]]


@dataclass(frozen=True)
class _Schedules:
    """What there is to execute, from the most frequent on; the last one runs over midnight."""

    names: list[str]
    frequency: Shares
    slowness: Shares


def make_tables(options: SampleOptions) -> dict[str, EventTable]:
    """The one table, with the records of all three tiers."""
    rng = np.random.default_rng([options.seed, 7])
    names = [f"{kind}.{word}" for word, kind in product(DOMAINS[:20], ("sync", "rollup", "export"))]
    schedules = _Schedules([*names, "nightly.close"], 1 / (np.arange(len(names)) + 4.0), rng.lognormal(0, 0.5, 61))
    return {
        "schedule_events": EventTable(
            columns=partial(_records, schedules),
            stream=7,
            share=0.6,
            defects=(
                {"queue_time_ms": -1_500},
                {"retry_count": -1},
                {"schedule_type": "kafka"},
                {"result": "perhaps"},
                {"schedule_id": None},
            ),
            text_defects=({"retry_count": "many"}, {"recorded_at": NO_ZONE}, {"event_id": CUT}),
        )
    }


def _records(schedules: _Schedules, moments: Moments) -> dict[str, pa.Array]:
    size, rng = moments.size, moments.rng
    execution, schedule, course = _executions(schedules, moments)
    tier, result, attempt = course.T
    is_done, is_known = result != _SKIPPED, ~moments.chance(0.01)
    result = np.where(is_done | (schedule % 3 > 0), result, _CANCELLED)  # some of those that were never begun
    slowness = schedules.slowness[schedule] * np.where(moments.is_outage, 6, 1)
    queue_ms = (_QUEUE_MS[tier] * slowness * rng.lognormal(0, 0.7, size)).astype(np.int64)
    processing_ms = (_PROCESSING_MS[tier] * slowness * rng.lognormal(0, 0.5, size)).astype(np.int64)
    started = moments.time - processing_ms * 1000
    is_unknown, is_published = ~(is_done & is_known), (tier == _REDIS) & (result == _SUCCESS)
    partition = np.minimum(schedule * 7 % 6, 5)
    return {
        "event_id": uuids(rng, size),
        "recorded_at": timestamps(moments.time),
        "schedule_id": codes(schedule, schedules.names),
        "execution_id": pa.array(execution),
        "source_id": codes(tier * 3 + schedule % 3, [f"{t}-{n}" for t in _TIERS for n in "abc"], moments.chance(0.02)),
        "schedule_type": codes(tier, _TIERS),
        "event_type": codes(tier, _EVENT_TYPES),
        "level": codes(np.array(_LEVELS)[result], ("INFO", "WARNING", "ERROR")),
        "result": codes(result, _RESULTS),
        "retry_count": integers(attempt),
        "queued_at": timestamps(started - queue_ms * 1000, ~is_known),
        "started_at": timestamps(started, is_unknown),
        "finished_at": timestamps(moments.time, ~is_done),
        "queue_time_ms": integers(queue_ms, is_unknown),
        "processing_time_ms": integers(processing_ms, is_unknown),
        "kafka_topic": codes(
            schedule % 3, [f"results.{kind}" for kind in ("sync", "rollup", "export")], tier != _REDIS
        ),
        "kafka_partition": integers(partition, ~is_published),
        "kafka_offset": integers(moments.time // 100_000 - 17_000_000_000, ~is_published),
        "published_at": timestamps(moments.time - 1000, ~is_published),
        "error_message": _messages(moments, tier, (result == _SUCCESS) | ~is_done),
    }


def _executions(schedules: _Schedules, moments: Moments) -> tuple[list[str], Numbers, Numbers]:
    """Execution, schedule and (tier, result, attempts before) of each record: three in a row are of one execution, but
    for the one that ends on the next day.
    """
    rng, size = moments.rng, moments.size
    group = np.arange(size) // 3
    numbers, uniform = rng.integers(0, 2**40, group[-1] + 1), rng.random(group[-1] + 1)
    execution = [f"exec-{number:010x}" for number in numbers[group]]
    schedule = weighted(rng.random(group[-1] + 1), schedules.frequency)[group]
    # Whether there is an outage is decided by an execution's first record.
    is_outage: Flags = moments.is_outage[group * 3]
    usual = weighted(uniform, _TROUBLED)[group] * (group % 12 == 1)
    failing = weighted(uniform, _IN_OUTAGE)[group]
    course: Numbers = _COURSES[np.where(is_outage, failing, usual), np.arange(size) % 3]
    hours = moments.time / 3_600_000_000 % 24
    night = [(0, _REDIS, moments.day - timedelta(days=1), hours[0] < 2)]
    if size > 3:
        night += [(place, tier, moments.day, hours[place] > 22) for place, tier in ((-2, _MONGO), (-1, _CLICKHOUSE))]
    for place, tier, day, is_then in night:
        if is_then:
            execution[place], schedule[place] = _of_night(day), len(schedules.names) - 1
            course[place] = tier, _SUCCESS, 0
    return execution, schedule, course


def _of_night(day: date) -> str:
    """The execution that passes the first two tiers at the end of a day, and the third after midnight."""
    return f"exec-{day:%Y%m%d}-night"


def _messages(moments: Moments, tier: Numbers, is_fine: Flags) -> pa.Array:
    """Messages of the tier; one of them is never seen before the last two days."""
    kinds = [*_MESSAGES, _NEW_MESSAGES]
    kind = tier * 2 + moments.rng.integers(0, 2, moments.size)
    is_recent = moments.options.last_day - moments.day < timedelta(days=2)
    kind = np.where(is_recent & moments.chance(0.2), len(kinds) - 1, kind)
    message = kind * 12 + moments.rng.integers(0, 12, moments.size)
    return codes(message, [text for texts in kinds for text in texts], is_fine)
