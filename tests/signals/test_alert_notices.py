"""What is told of the transitions of alerts, and when."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

from hypothesis import given
from hypothesis import strategies as st

from analytics_etl.signals.alerts.machine import evaluate
from analytics_etl.signals.alerts.matching import Matcher
from analytics_etl.signals.alerts.notices import (
    Notice,
    ToldState,
    notices,
    told_from_json,
    told_to_json,
)
from analytics_etl.signals.alerts.rules import Comparison, Inhibition, Rule, Selector, Severity
from analytics_etl.signals.alerts.silences import Recurrence, Silence, silence_of
from analytics_etl.signals.alerts.states import Command, Point, Transition, initial

START = datetime(2025, 3, 3, tzinfo=UTC)  # a Monday
HOUR = timedelta(hours=1)
CPU = Selector("cpu")
LIMIT = Comparison(CPU, ">", 80.0)
HIGH = Rule("cpu_high", "CPU is high.", "high", LIMIT, repeat=6 * HOUR, group_by=("alertname", "tenant"))
RUN = Rule("run_failed", "The run failed.", "critical", LIMIT, repeat=24 * HOUR)
MUTED = Rule(
    "cpu_muted", "CPU is high.", "low", LIMIT, repeat=6 * HOUR, inhibited_by=(Inhibition("run_failed", ("tenant",)),)
)
RULES = {rule.name: rule for rule in (HIGH, RUN, MUTED)}


def hour(number: float) -> datetime:
    return START + number * HOUR


def life(
    rule: Rule, labels: Mapping[str, str], firing: Sequence[tuple[float, float]], *commands: Command
) -> list[Transition]:
    """The transitions of an alert whose condition holds at the hours of some half-open spans."""
    hours = range(1, 73)
    points = [
        Point(CPU.key, hour(one), HOUR, 90.0 if any(first <= one < end for first, end in firing) else 10.0)
        for one in hours
    ]
    return evaluate(rule, initial(rule.name, labels, START), points, commands, hour(72)).transitions


def told(transitions: Sequence[Transition], *silences: Silence, until: float = 72) -> list[str]:
    """Each notice: hour, and each alert's host, with - if it is resolved."""
    found, _ = notices(RULES, ToldState(START), transitions, silences, hour(until))
    return [said(notice) for notice in found]


def said(notice: Notice) -> str:
    alerts = [f"{'-' if one.resolved_at else ''}{one.labels['host']}" for one in notice.alerts]
    return f"{(notice.at - START) / HOUR:g} {' '.join(alerts)}"


A, B, C = ({"host": host, "tenant": tenant} for host, tenant in (("a", "acme"), ("b", "acme"), ("c", "other")))


def test_an_alert_is_told_repeated_and_its_end_is_told() -> None:
    assert told(life(HIGH, A, [(1, 15)])) == ["1 a", "7 a", "13 a", "15 -a"]


def test_alerts_of_a_group_are_told_together() -> None:
    """A group's repeat begins anew when anything of it is told. C is of another tenant."""
    transitions = [*life(HIGH, A, [(1, 9)]), *life(HIGH, B, [(1, 8)]), *life(HIGH, C, [(1, 4)])]
    assert told(transitions) == ["1 a b", "1 c", "4 -c", "7 a b", "8 a -b", "9 -a"]
    assert told([*life(HIGH, A, [(1, 9)]), *life(HIGH, B, [(3, 10)])]) == ["1 a", "3 a b", "9 b -a", "10 -b"]


def test_an_acknowledged_alert_is_not_repeated_but_its_end_is_told() -> None:
    assert told(life(HIGH, A, [(1, 30)], Command("acknowledge", hour(2), "ada"))) == ["1 a", "30 -a"]


def test_a_manual_resolve_is_told() -> None:
    assert told(life(HIGH, A, [(1, 30)], Command("resolve", hour(2), "ada"))) == ["1 a", "2 -a"]


def test_a_silence_holds_back_until_it_ends() -> None:
    quiet = silence_of({"host": "a"}, hour(0), hour(5), "ada")
    assert told(life(HIGH, A, [(1, 8)]), quiet) == ["5 a", "8 -a"]
    assert told(life(HIGH, A, [(1, 4)]), quiet) == []
    assert told(life(HIGH, B, [(1, 4)]), quiet) == ["1 b", "4 -b"]


def test_whoever_was_told_of_an_alert_is_told_of_its_end_in_a_silence() -> None:
    assert told(life(HIGH, A, [(1, 4)]), silence_of({"host": "a"}, hour(2), hour(5), "ada")) == ["1 a", "4 -a"]


def test_a_silence_recurs() -> None:
    """On Mondays from 22:00 to 6:00 of the next day, which the alert sees the end of."""
    nights = Recurrence(frozenset({0}), time(22), time(6))
    quiet = Silence((Matcher("alertname", ("cpu*",)),), hour(-1000), hour(1000), "ada", recurrence=nights)
    assert told(life(HIGH, A, [(21, 23), (24, 32), (46, 47)]), quiet) == [
        "21 a",
        "23 -a",
        "30 a",
        "32 -a",
        "46 a",
        "47 -a",
    ]
    assert not quiet.mutes({"alertname": "cpu_high"}, hour(21.9))
    assert quiet.mutes({"alertname": "cpu_high"}, hour(22))
    assert not quiet.mutes({"alertname": "disk_full"}, hour(22))


def test_a_failed_run_mutes_what_follows_from_it() -> None:
    run = life(RUN, {"host": "run", "tenant": "acme"}, [(1, 5)])
    assert told([*run, *life(MUTED, A, [(1, 8)]), *life(MUTED, C, [(1, 3)])]) == [
        "1 c", "1 run", "3 -c", "5 a", "5 -run", "8 -a",
    ]  # fmt: skip
    assert told([*run, *life(MUTED, A, [(2, 4)])]) == ["1 run", "5 -run"]


def test_an_alert_without_data_is_not_repeated_unless_its_rule_takes_that_seriously() -> None:
    """Points until hour 8, then none; told at hour 5, which is repeated each 6 hours."""
    points = [Point(CPU.key, hour(one), HOUR, 90.0 if one >= 5 else 10.0) for one in range(1, 9)]
    cases: list[tuple[Severity, list[str]]] = [("low", ["5 a"]), ("high", ["5 a", "11 a", "17 a", "23 a"])]
    for no_data, expected in cases:
        rule = replace(HIGH, no_data=no_data)
        found = evaluate(rule, initial(rule.name, A, START), points, [], hour(24)).transitions
        made, _ = notices({rule.name: rule}, ToldState(START), found, [], hour(24))
        assert [said(notice) for notice in made] == expected


def test_the_worst_severity_is_that_of_the_notice() -> None:
    by_tenant = {name: Rule(**{**vars(rule), "group_by": ("tenant",)}) for name, rule in RULES.items()}
    transitions = [*life(HIGH, A, [(1, 3)]), *life(RUN, B, [(1, 3)])]
    (first, _), _ = notices(by_tenant, ToldState(START), transitions, [], hour(9))
    assert first.severity == "critical"
    assert first.group == {"tenant": "acme"}


# -- random histories -------------------------------------------------------------------------------------------------

spans = st.lists(
    st.tuples(st.integers(1, 60), st.integers(1, 30)).map(lambda one: (one[0], one[0] + one[1])), max_size=4
)
moments = st.integers(0, 140).map(lambda half: hour(half / 2))
by_hand = st.builds(
    Command, st.sampled_from(["acknowledge", "resolve"]), moments.filter(lambda one: one > START), st.just("ada")
)
acknowledgements = st.lists(by_hand, max_size=3).map(lambda many: sorted(many, key=lambda one: one.at))
lives = st.builds(
    lambda rule, labels, firing, commands: life(rule, labels, firing, *commands),
    st.sampled_from([HIGH, RUN, MUTED]), st.sampled_from([A, B, C]), spans, acknowledgements,
)  # fmt: skip
recurrences = st.none() | st.builds(
    Recurrence,
    st.frozensets(st.integers(0, 6), min_size=1),
    st.integers(0, 23).map(time),
    st.integers(0, 23).map(time),
)
some_silences = st.lists(
    st.builds(
        lambda labels, start, length, again: Silence(
            (Matcher("host", (labels["host"],)),), start, start + length * HOUR, "ada", recurrence=again
        ),
        st.sampled_from([A, B, C]), moments, st.integers(1, 40), recurrences,
    ),
    max_size=4,
)  # fmt: skip


def in_pieces(
    transitions: Sequence[Transition], silences: Sequence[Silence], cuts: Sequence[datetime]
) -> list[Notice]:  # fmt: skip
    """Told piece by piece; of a silence nobody knows before it begins."""
    state, found = ToldState(START), []
    for cut in cuts:
        stored = told_from_json(json.loads(json.dumps(told_to_json(state))))
        part = [one for one in transitions if state.until < one.at <= cut]
        known = [one for one in silences if one.starts_at <= cut]
        more, state = notices(RULES, stored, part, known, cut)
        found += more
    return found


@given(
    st.lists(lives, max_size=5, unique_by=lambda one: (one[0].rule, str(one[0].labels)) if one else None),
    some_silences,
    st.lists(moments, max_size=8).map(sorted),
)
def test_what_is_told_at_once_is_what_is_told_piece_by_piece(
    histories: list[list[Transition]], silences: list[Silence], cuts: list[datetime]
) -> None:
    transitions = sorted((one for history in histories for one in history), key=lambda one: one.at)
    at_once, end = notices(RULES, ToldState(START), transitions, silences, hour(72))
    assert in_pieces(transitions, silences, [*cuts, hour(72)]) == at_once
    assert len({notice.key for notice in at_once}) == len(at_once)
    fired, ended = ([alert for notice in at_once for alert in notice.alerts if bool(alert.resolved_at) is is_end]
                    for is_end in (False, True))  # fmt: skip
    # Whoever heard of an incident hears of its end, once, or it is open still.
    heard = {(one.rule, str(one.labels), one.incident) for one in fired}
    heard_end = [(one.rule, str(one.labels), one.incident) for one in ended]
    still_open = {(one.rule, str(one.labels), one.incident) for one in end.open.values()}
    assert len(heard_end) == len(set(heard_end))
    assert set(heard_end) <= heard <= set(heard_end) | still_open
