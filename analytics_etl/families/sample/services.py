"""Sample events of streaming services: what users do in sessions, what services carry out, and what happens in them."""
# ruff: noqa: PLR2004 - the ratios of a made-up world would not be clearer with names

from dataclasses import dataclass
from functools import partial

import numpy as np
import pyarrow as pa

from analytics_etl.families.sample.columns import (
    Flags,
    Numbers,
    Shares,
    codes,
    integers,
    objects,
    timestamps,
    uuids,
    weighted,
)
from analytics_etl.families.sample.options import SampleOptions
from analytics_etl.families.sample.rhythm import DAY_US, Moments
from analytics_etl.families.sample.tables import CUT, NO_ZONE, EventTable
from analytics_etl.families.sample.vocabulary import ADDRESSES, BROWSERS, DOMAINS, OUTAGE_MESSAGES

# service: (share, {operation: median duration in ms})
_SERVICES: dict[str, tuple[float, dict[str, int]]] = {
    "playback": (0.34, {"start": 180, "segment": 35, "stop": 20}),
    "catalog": (0.22, {"list": 60, "detail": 25}),
    "search": (0.16, {"query": 90, "suggest": 30}),
    "identity": (0.12, {"login": 140, "refresh": 40}),
    "recommendations": (0.08, {"rank": 220}),
    "billing": (0.05, {"charge": 300, "invoice": 200}),
    "transcode": (0.03, {"encode": 400}),
}
_OPERATIONS = [name for _, of in _SERVICES.values() for name in of]
_SERVICE = np.repeat(np.arange(len(_SERVICES)), [len(of) for _, of in _SERVICES.values()])  # of each operation
_OPERATION_SHARES = np.array([share / len(of) for share, of in _SERVICES.values() for _ in of])
_MEDIAN_MS = np.array([ms for _, of in _SERVICES.values() for ms in of.values()])
_PLAYBACK, _CHARGE, _ENCODE = list(_SERVICES).index("playback"), _OPERATIONS.index("charge"), len(_OPERATIONS) - 1
_ERROR_TYPES = ("timeout", "unavailable", "not_found", "invalid_request", "rate_limited", "<script>alert(1)</script>")
_ERROR_SHARES = np.array([0.4, 0.25, 0.15, 0.12, 0.07, 0.01])
_INCIDENT_MINUTES = (19 * 60 + 10, 19 * 60 + 50)  # of the last day

_ACTIONS = ("login", "search", "view", "play", "pause", "complete", "purchase", "rate")
# What the six steps of a session are: shares of the actions, in their order.
_STEPS = np.array(
    [
        [0.7, 0, 0.3, 0, 0, 0, 0, 0],
        [0, 0.5, 0.5, 0, 0, 0, 0, 0],
        [0, 0.1, 0.9, 0, 0, 0, 0, 0],
        [0, 0, 0.1, 0.9, 0, 0, 0, 0],
        [0, 0, 0, 0.1, 0.3, 0.6, 0, 0],
        [0, 0, 0.2, 0.2, 0, 0.1, 0.25, 0.25],
    ]
)
_SEARCH, _VIEW, _PLAY = (_ACTIONS.index(action) for action in ("search", "view", "play"))
_STEP_COUNT = len(_STEPS)
_SESSION_US = 12 * 60_000_000
_COHORT_DAYS = 40
# event type: (share, the services it happens in)
_HAPPENINGS = {
    "stream_started": (0.4, ("playback",)),
    "stream_stopped": (0.3, ("playback",)),
    "results_shown": (0.15, ("search", "recommendations")),
    "signed_in": (0.1, ("identity",)),
    "charged": (0.03, ("billing",)),
    "deployed": (0.02, tuple(_SERVICES)),  # for nobody
}
_DEPLOYED = list(_HAPPENINGS).index("deployed")
_METADATA = [{}, *({"device": device, "app": app} for device in ("tv", "phone", "web") for app in ("7.1", "7.2"))]
_TAGS = [{"env": "prod", "region": region} for region in ("eu-west-1", "us-east-1", "ap-south-1")]
_USER_ERRORS = ("the stream stalled", "payment was declined", "not available in this country", *OUTAGE_MESSAGES)


@dataclass(frozen=True)
class _Audience:
    """Users who were always there, what they watch, and how many join each day."""

    users: int
    joining: int
    activity: Shares
    titles: list[str]
    popularity: Shares


def make_tables(options: SampleOptions) -> dict[str, EventTable]:
    """The tables of the family: users' actions, operations of services, and other events of theirs."""
    rng = np.random.default_rng([options.seed, 30])
    scale = options.events_per_day / 10_000
    users = max(30, round(500 * scale**0.7))
    titles = [f"{word}-s{season}" for season in (1, 2) for word in DOMAINS]
    audience = _Audience(
        users, max(4, round(25 * scale**0.7)), rng.lognormal(0, 0.7, users), titles, 1 / (np.arange(len(titles)) + 3.0)
    )
    user_defects = (
        *({"duration_ms": -1}, {"action": None}, {"user_id": ""}),
        {"success": True, "error_message": "the stream stalled"},
    )
    operation_defects = ({"duration_ms": -5}, {"service_id": None}, {"resource_mb": -1.5}, {"operation": ""})
    text_defects = ({"duration_ms": "long"}, {"occurred_at": NO_ZONE}, {"event_id": CUT})
    return {
        "user_behavior_events": EventTable(partial(_actions, audience), 30, 0.4, user_defects, text_defects),
        "performance_events": EventTable(_operations, 31, 0.5, operation_defects, text_defects),
        "service_events": EventTable(
            partial(_happenings, audience),
            stream=32,
            share=0.3,
            defects=({"event_type": ""}, {"service_id": None}, {"user_id": "u" * 201}),
            text_defects=({"tags": '{"retries":3}'}, {"occurred_at": NO_ZONE}, {"event_id": CUT}),
        ),
    }


def _operations(moments: Moments) -> dict[str, pa.Array]:
    rng, size = moments.rng, moments.size
    operation = weighted(rng.random(size), _OPERATION_SHARES)
    is_incident = _incident(moments) & (_SERVICE[operation] == _PLAYBACK)
    took = _MEDIAN_MS[operation] * rng.lognormal(0, 0.5, size) * np.where(is_incident | moments.is_outage, 12, 1)
    is_usual = ~(is_incident | moments.is_outage)
    is_failed = moments.chance(np.where(is_usual, 0.02 + 0.03 * (operation == _CHARGE), 0.45))
    is_failed[:1] = True  # however few operations there are, one of them fails
    error = np.where(~is_usual, rng.integers(0, 2, size), weighted(rng.random(size), _ERROR_SHARES))
    return {
        "event_id": uuids(rng, size),
        "occurred_at": timestamps(moments.time),
        "service_id": codes(_SERVICE[operation], _SERVICES),
        "operation": codes(operation, _OPERATIONS),
        "duration_ms": integers(took, moments.chance(0.005)),
        "resource_mb": pa.array(np.round(took / 8 + 20, 2), mask=moments.chance(0.2)),
        "throughput": pa.array(np.round(4e4 / (took + 1), 1), mask=operation != _ENCODE),
        "success": pa.array(~is_failed),
        "error_type": codes(error, _ERROR_TYPES, ~is_failed | moments.chance(0.05)),
    }


def _incident(moments: Moments) -> Flags:
    """Playback is slow and fails for forty minutes of the last day's evening."""
    minute = moments.time % DAY_US // 60_000_000
    is_last = moments.options.outage and moments.day == moments.options.last_day
    return (minute >= _INCIDENT_MINUTES[0]) & (minute < _INCIDENT_MINUTES[1]) & is_last


def _actions(audience: _Audience, moments: Moments) -> dict[str, pa.Array]:
    rng, size = moments.rng, moments.size
    session, step = _sessions(moments)
    count = int(session.max(initial=0)) + 1
    names, numbers = _visitors(audience, moments, count)
    hours, today = moments.time / 3_600_000_000 % 24, moments.day.toordinal()
    # Somebody watches through the night: the last session of a day goes on as the first one of the next.
    for place, is_night, number in ((0, hours[:1] < 4, today - 1), (-1, hours[-1:] >= 20, today)):
        if is_night.any():
            names[session[place]], numbers[session[place]] = "viewer_000000", number
    names[session[size // 2 : size // 2 + 1].max(initial=0)] = f"viewer_{today}_0000"  # somebody joins on every day
    action = np.zeros(size, np.int64)
    for number, shares in enumerate(_STEPS):
        drawn = weighted(rng.random(size), shares)
        action = np.where(step == number, drawn, action)
    # What is watched is the session's own title, but for a tenth of its steps.
    of_session = weighted(rng.random(count), audience.popularity)[session]
    title = np.where(moments.chance(0.1), weighted(rng.random(size), audience.popularity), of_session)
    is_failed = moments.chance(np.where(moments.is_outage | (_incident(moments) & (action == _PLAY)), 0.4, 0.015))
    message = np.where(moments.is_outage, rng.integers(3, len(_USER_ERRORS), size), rng.integers(0, 3, size))
    took = np.where(action == _PLAY, 1_200_000 * rng.lognormal(0, 0.6, size), 2_000 * rng.lognormal(0, 0.8, size))
    address = rng.integers(0, len(ADDRESSES), count)[session]
    return {
        "event_id": uuids(rng, size),
        "occurred_at": timestamps(moments.time),
        "user_id": pa.array([names[number] for number in session]),
        "action": codes(action, _ACTIONS),
        "content_id": codes(title, audience.titles, (action < _VIEW) | moments.chance(0.005)),
        "client_ip": codes(address, ADDRESSES, moments.chance(0.02)),
        "user_agent": codes(address % len(BROWSERS), BROWSERS, moments.chance(0.02)),
        "session_id": pa.array([f"s-{numbers[number]:012x}" for number in session], mask=moments.chance(0.01)),
        "duration_ms": integers(np.minimum(took, 14_400_000), (action == _SEARCH) & moments.chance(0.5)),
        "success": pa.array(~is_failed),
        "error_message": codes(message, _USER_ERRORS, ~is_failed),
    }


def _happenings(audience: _Audience, moments: Moments) -> dict[str, pa.Array]:
    rng, size = moments.rng, moments.size
    kind = weighted(rng.random(size), np.array([share for share, _ in _HAPPENINGS.values()]))
    places = [services for _, services in _HAPPENINGS.values()]
    drawn = rng.random(size)
    service = [places[number][int(part * len(places[number]))] for number, part in zip(kind, drawn, strict=True)]
    user = weighted(rng.random(size), audience.activity)
    return {
        "event_id": uuids(rng, size),
        "occurred_at": timestamps(moments.time),
        "event_type": codes(kind, _HAPPENINGS),
        "service_id": pa.array(service),
        "user_id": pa.array([f"viewer_{number:06d}" for number in user], mask=(kind == _DEPLOYED)),
        "metadata": objects(rng.integers(0, len(_METADATA), size), _METADATA),
        "tags": objects(user % len(_TAGS), _TAGS),
    }


def _sessions(moments: Moments) -> tuple[Numbers, Numbers]:
    """Session and step of each event: sessions run side by side for some minutes each, whatever the volume."""
    size, rng = moments.size, moments.rng
    span = int(moments.time[-1] - moments.time[0]) + 1 if size else 1
    side_by_side = max(1, round(size * _SESSION_US / span / _STEP_COUNT))
    block, place = np.divmod(np.arange(size), side_by_side * _STEP_COUNT)
    step, lane = np.divmod(place, side_by_side)
    whole = block * side_by_side + lane
    count = int(whole.max(initial=0)) + 1
    # Some sessions end early; each later step is then a visit of its own that goes no further.
    ends = np.where(rng.random(count) < 0.12, rng.integers(1, _STEP_COUNT, count), _STEP_COUNT)[whole]
    is_visit = step >= ends
    session = np.where(is_visit, count + np.cumsum(is_visit) - 1, whole)
    return session, np.where(is_visit, 0, step)


def _visitors(audience: _Audience, moments: Moments, count: int) -> tuple[list[str], Numbers]:
    """User and number of each session: most are old users; the others joined on the day or some days before it."""
    rng = moments.rng
    old = weighted(rng.random(count), audience.activity)
    joined_before = weighted(rng.random(count), 1 / (np.arange(_COHORT_DAYS) + 1.5))
    member = rng.integers(0, audience.joining, count)
    is_old = rng.random(count) < 0.7
    today = moments.day.toordinal()
    names = [
        f"viewer_{number:06d}" if is_of_old else f"viewer_{today - days}_{place:04d}"
        for number, days, place, is_of_old in zip(old, joined_before, member, is_old, strict=True)
    ]
    return names, rng.integers(0, 2**47, count)
