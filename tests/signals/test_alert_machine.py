"""The life of an alert, by hand; then random lives, judged at once and in pieces."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics_etl.signals.alerts import states
from analytics_etl.signals.alerts.incidents import incidents_of
from analytics_etl.signals.alerts.machine import Evaluation, evaluate
from analytics_etl.signals.alerts.matching import matchers_of
from analytics_etl.signals.alerts.rules import (
    Absent,
    AllOf,
    AnyOf,
    Change,
    Comparison,
    Condition,
    Ratio,
    Rule,
    Selector,
)
from analytics_etl.signals.alerts.states import AlertState, Command, Point, Status, Transition, initial

START = datetime(2025, 3, 3, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
CPU = Selector("cpu_percent", matchers_of({"host": "a"}))
OTHER = Selector("requests")
IS_HIGH = Comparison(CPU, ">", 80.0)


def minute(number: float) -> datetime:
    return START + number * MINUTE


def points(*values: float | None, first: int = 1, selector: Selector = CPU) -> list[Point]:
    """A point a minute, the first one known at the minute `first`."""
    return [
        Point(selector.key, minute(first + number), MINUTE, value)
        for number, value in enumerate(values)
        if value is not None
    ]


def rule(condition: Condition = IS_HIGH, hold: int = 0, gap: int = 120) -> Rule:
    return Rule("cpu_high", "CPU is high.", "high", condition, timedelta(seconds=hold), timedelta(seconds=gap))


def judged(one: Rule, given_points: Sequence[Point], *commands: Command, until: float = 60) -> Evaluation:
    return evaluate(one, initial("cpu_high", {"host": "a"}, START), given_points, commands, minute(until))


def said(transitions: Sequence[Transition]) -> list[str]:
    """3 pending: the minute and where it went; with the person if it was one."""
    return [f"{(one.at - START) / MINUTE:g} {one.after}{f' by {one.who}' if one.who else ''}" for one in transitions]


def acknowledge(at: float, who: str = "ada") -> Command:
    return Command("acknowledge", minute(at), who)


def resolve(at: float, who: str = "ada") -> Command:
    return Command("resolve", minute(at), who)


def test_cpu_over_80_for_300_seconds_triggers_is_acknowledged_and_resolved() -> None:
    found = judged(
        rule(hold=300), points(50, 81, 90, 95, 99, 85, 82, 81, 79), acknowledge(7.5), until=9
    )  # fmt: skip
    assert found.transitions == [
        Transition("cpu_high", rule(hold=300).version, {"host": "a"}, 0, minute(2), None,
                   Status.INACTIVE, Status.PENDING, 81.0, minute(1)),
        Transition("cpu_high", rule(hold=300).version, {"host": "a"}, 1, minute(6), None,
                   Status.PENDING, Status.TRIGGERED, 85.0, minute(1)),
        Transition("cpu_high", rule(hold=300).version, {"host": "a"}, 1, minute(7.5), "ada",
                   Status.TRIGGERED, Status.ACKNOWLEDGED, 82.0, minute(1)),
        Transition("cpu_high", rule(hold=300).version, {"host": "a"}, 1, minute(9), None,
                   Status.ACKNOWLEDGED, Status.RESOLVED, 79.0, minute(1)),
    ]  # fmt: skip
    (incident,) = incidents_of(found.transitions)
    assert (incident.number, incident.value, incident.acknowledged_by) == (1, 85.0, "ada")
    assert (incident.time_to_acknowledge, incident.time_to_resolve) == (1.5 * MINUTE, 3 * MINUTE)
    assert incident.resolved_by is None


def test_a_shorter_excess_is_pending_only() -> None:
    found = judged(rule(hold=300), points(81, 82, 83, 84, 50, 81), until=6)
    assert said(found.transitions) == ["1 pending", "5 inactive", "6 pending"]
    assert found.state.since == minute(5)


def test_without_a_duration_it_triggers_at_once() -> None:
    assert said(judged(rule(), points(80, 80.5, 80), until=3).transitions) == ["2 triggered", "3 resolved"]


def test_a_day_counts_as_long_as_it_is() -> None:
    """A value of a whole day has held for 300 seconds."""
    day = timedelta(days=1)
    found = evaluate(
        rule(hold=300), initial("cpu_high", {}, START), [Point(CPU.key, START + day, day, 90.0)], [], START + day
    )  # fmt: skip
    assert [one.after for one in found.transitions] == [Status.TRIGGERED]


def test_a_refire_is_a_new_incident() -> None:
    found = judged(rule(), points(90, 10, 90, 10), until=4)
    assert [(one.incident, str(one.after)) for one in found.transitions] == [
        (1, "triggered"), (1, "resolved"), (2, "triggered"), (2, "resolved"),
    ]  # fmt: skip


def test_an_acknowledgement_survives_while_the_condition_holds() -> None:
    found = judged(rule(), points(90, 91, 92, 93), acknowledge(1.5), acknowledge(2.5, "bob"), until=4)
    assert said(found.transitions) == ["1 triggered", "1.5 acknowledged by ada"]
    assert found.ignored == [(acknowledge(2.5, "bob"), "the alert is acknowledged already")]


def test_a_manual_resolve_is_remembered_until_the_condition_has_ended() -> None:
    found = judged(rule(), points(90, 91, 92, 10, 93), resolve(1.5), until=5)
    assert said(found.transitions) == ["1 triggered", "1.5 resolved by ada", "5 triggered"]
    assert found.state.incident == 2


def flapping(*values: float | None) -> tuple[Rule, list[Point]]:
    """A rule that fires on until its condition has not held for three minutes, and values by the minute."""
    return replace(rule(), keep_firing=3 * MINUTE), points(*values)


def test_values_near_the_limit_are_one_alert_until_it_is_calm_for_long_enough() -> None:
    near = flapping(81, 79, 81, 79, 78, 81, 79, 78, 77, 81)
    found = judged(*near, until=10)
    # calm from minute 1 to 2, 3 to 5 and 6 to 9: only the last are three minutes
    assert said(found.transitions) == ["1 triggered", "9 resolved", "10 triggered"]
    assert (found.transitions[1].value, found.state.incident) == (77.0, 2)
    assert judged(*flapping(81, 95, 79), until=3).state.value == 95.0
    every = rule(), near[1]
    assert len(judged(*every, until=10).transitions) == 7


def test_an_alert_that_fires_on_stays_acknowledged() -> None:
    found = judged(*flapping(81, 79, 81, 79, 78, 77), acknowledge(2.5), until=6)
    assert said(found.transitions) == ["1 triggered", "2.5 acknowledged by ada", "6 resolved"]


def test_a_manual_resolve_holds_until_it_is_calm_for_long_enough() -> None:
    found = judged(*flapping(81, 79, 81, 79, 78, 77, 81), resolve(2.5), until=7)
    assert said(found.transitions) == ["1 triggered", "2.5 resolved by ada", "7 triggered"]


def test_a_gap_is_no_calm() -> None:
    """Calm from 2 on, unknown from 5 on (due at 3, and 2 minutes of tolerance), calm again from 8 on."""
    found = judged(*flapping(81, None, 79, None, None, None, None, None, 79, 78, 77), until=11)
    assert said(found.transitions) == ["1 triggered", "6 no data", "9 triggered", "11 resolved"]
    assert {one.incident for one in found.transitions} == {1}


def test_a_bucket_as_long_as_the_calm_resolves_at_its_end() -> None:
    day = timedelta(days=1)
    one = replace(rule(), keep_firing=timedelta(hours=2))
    of_days = [Point(CPU.key, START + number * day, day, value) for number, value in ((1, 90.0), (2, 10.0))]
    found = evaluate(one, initial("cpu_high", {}, START), of_days, [], START + 2 * day)
    assert [one.after for one in found.transitions] == [Status.TRIGGERED, Status.RESOLVED]


def test_commands_without_an_incident_change_nothing() -> None:
    found = judged(rule(hold=300), points(90, 91), acknowledge(0.5), resolve(1.5), until=2)
    assert said(found.transitions) == ["1 pending"]
    assert [why for _, why in found.ignored] == [
        "nothing to acknowledge: the alert is inactive", "nothing to resolve: the alert is pending",
    ]  # fmt: skip


def test_a_gap_keeps_the_state_then_there_is_no_data() -> None:
    """The next bucket is due at minute 2; with the tolerance of 2 minutes, minute 4 is the last at which it counts."""
    assert said(judged(rule(), points(90, None, None, 91, 10), until=5).transitions) == ["1 triggered", "5 resolved"]
    gone = judged(rule(), points(90, None, None, None, 91, 10), until=6)
    assert said(gone.transitions) == ["1 triggered", "4 no data", "5 triggered", "6 resolved"]
    assert {one.incident for one in gone.transitions} == {1}


def test_after_a_gap_an_acknowledged_alert_is_acknowledged() -> None:
    found = judged(rule(), points(90, *[None] * 9, 91), acknowledge(1.5), until=11)
    assert said(found.transitions) == ["1 triggered", "1.5 acknowledged by ada", "4 no data", "11 acknowledged"]


def test_commands_hold_without_data() -> None:
    found = judged(rule(), points(90, *[None] * 9, 91), acknowledge(5), until=11)
    assert said(found.transitions) == ["1 triggered", "4 no data", "5 acknowledged by ada"]
    ended = judged(rule(), points(90, *[None] * 9, 91, 10, 91), resolve(5), until=13)
    assert said(ended.transitions) == ["1 triggered", "4 no data", "5 resolved by ada", "13 triggered"]


def test_a_gap_while_pending_begins_anew() -> None:
    found = judged(rule(hold=180), points(90, *[None] * 9, 91, 92, 93), until=13)
    assert said(found.transitions) == ["1 pending", "4 no data", "11 pending", "13 triggered"]


def test_a_value_that_is_no_number_is_missing() -> None:
    assert said(judged(rule(), points(90, float("nan"), float("inf"), 91, 10), until=5).transitions) == [
        "1 triggered", "5 resolved",
    ]  # fmt: skip


def test_an_absent_series_is_told_to_the_moment_and_resolved_by_its_return() -> None:
    absent = rule(Absent(CPU, timedelta(minutes=10)))
    assert said(judged(absent, [], until=60).transitions) == ["10 triggered"]
    assert said(judged(absent, points(1, 1, first=5), until=15.9).transitions) == []
    found = judged(absent, [*points(1, 1, first=5), *points(1, first=30)], until=60)
    assert said(found.transitions) == ["16 triggered", "30 resolved", "40 triggered"]
    assert found.state.incident == 2


def test_conditions_on_several_series() -> None:
    ratio = rule(Comparison(Ratio(CPU, OTHER), ">", 0.1))
    both = [*points(1, 3, 0, 3), *points(10, 20, 0, 20, selector=OTHER)]
    found = judged(ratio, both, until=4)
    # 1/10 is not more, 3/20 is; 0/0 is unknown and keeps the state
    assert said(found.transitions) == ["2 triggered"]
    assert found.transitions[0].value == 0.15
    change = rule(Comparison(Change(CPU, 3 * MINUTE), "<=", -0.5))
    found = judged(change, points(10, 20, 30, 6, 11, 15, 6), until=7)
    # 6 to 10 is -0.4, 11 to 20 -0.45, 15 to 30 -0.5, 6 to 6 is 0
    assert said(found.transitions) == ["6 triggered", "7 resolved"]
    assert said(judged(change, points(10, 20, 30, 4, 11), until=5).transitions) == ["4 triggered", "5 resolved"]
    every = rule(AllOf((IS_HIGH, Comparison(OTHER, ">=", 10.0))))
    found = judged(every, [*points(90, 90, 90), *points(9, 10, 9, selector=OTHER)], until=3)
    assert said(found.transitions) == ["2 triggered", "3 resolved"]
    either = rule(AnyOf((IS_HIGH, Comparison(OTHER, "!=", 10.0))))
    found = judged(either, [*points(90, None, 70), *points(10, 11, 10, selector=OTHER)], until=3)
    assert said(found.transitions) == ["1 triggered", "3 resolved"]


def test_an_unknown_part_matters_only_if_the_rest_leaves_it_open() -> None:
    every = rule(AllOf((IS_HIGH, Comparison(OTHER, ">=", 10.0))))
    found = judged(every, [*points(90, 90), *points(10, None, 9, selector=OTHER)], until=3)
    assert said(found.transitions) == ["1 triggered", "3 resolved"]


def test_what_comes_too_late_is_refused() -> None:
    state = judged(rule(), points(90), until=5).state
    with pytest.raises(ValueError, match="expected an event after"):
        evaluate(rule(), state, points(91, first=5), [], minute(6))
    with pytest.raises(ValueError, match="is judged until"):
        evaluate(rule(), state, [], [], minute(4))


def test_an_edited_rule_goes_on_with_the_incident() -> None:
    state = judged(rule(), points(90), until=1).state
    milder = rule(Comparison(CPU, ">", 95.0))
    found = evaluate(milder, state, points(91, first=2), [], minute(2))
    assert said(found.transitions) == ["2 resolved"]
    assert found.transitions[0].version == milder.version != rule().version
    assert found.transitions[0].incident == 1


# -- random lives -----------------------------------------------------------------------------------------------------

values = st.one_of(st.none(), st.sampled_from([0.0, 79.0, 80.0, 81.0, 100.0]))
conditions = st.sampled_from(
    [
        IS_HIGH,
        Comparison(CPU, "==", 80.0),
        Comparison(Ratio(CPU, OTHER), ">=", 1.0),
        Comparison(Change(CPU, 3 * MINUTE), ">", 0.0),
        AllOf((IS_HIGH, Comparison(OTHER, "<", 81.0))),
        AnyOf((IS_HIGH, Comparison(Change(OTHER, 2 * MINUTE), "<", 0.0))),
        Absent(CPU, timedelta(seconds=150)),
        AnyOf((IS_HIGH, Absent(OTHER, timedelta(seconds=200)))),
        AllOf((Comparison(OTHER, ">", 0.0), Absent(CPU, timedelta(seconds=60)))),
    ]
)
rules = st.builds(
    lambda condition, hold, gap, calm: replace(rule(condition, hold, gap), keep_firing=timedelta(seconds=calm)),
    conditions,
    hold=st.sampled_from([0, 60, 150, 300]),
    gap=st.sampled_from([0, 30, 120, 600]),
    calm=st.sampled_from([0, 0, 90, 180]),
)
commands = st.lists(
    st.builds(
        Command,
        st.sampled_from(["acknowledge", "resolve"]),
        st.integers(1, 80).map(lambda half: minute(half / 2)),
        st.sampled_from(["ada", "bob"]),
    ),
    max_size=8,
)


@st.composite
def lives(draw: st.DrawFn) -> tuple[Rule, list[Point], list[Command], list[datetime]]:
    """A rule, the points of its series, commands, and moments at which the judge is started anew."""
    pairs = draw(st.lists(st.tuples(values, values), max_size=40))
    cpu = points(*(one for one, _ in pairs))
    other = points(*(one for _, one in pairs), selector=OTHER)
    cuts = draw(st.lists(st.integers(0, 160).map(lambda quarter: minute(quarter / 4)), max_size=10))
    return draw(rules), [*cpu, *other], sorted(draw(commands), key=lambda one: one.at), sorted(cuts)


def in_pieces(
    one: Rule, state: AlertState, given_points: Sequence[Point], given_commands: Sequence[Command],
    cuts: Sequence[datetime],
) -> Evaluation:  # fmt: skip
    """Each piece from the state of the one before, as it was stored."""
    transitions, ignored = [], []
    for cut in cuts:
        stored = states.from_json(json.loads(json.dumps(states.to_json(state))))
        found = evaluate(
            one,
            stored,
            [point for point in given_points if state.until < point.at <= cut],
            [command for command in given_commands if state.until < command.at <= cut],
            cut,
        )
        state = found.state
        transitions += found.transitions
        ignored += found.ignored
    return Evaluation(state, transitions, ignored)


@given(lives())
def test_history_at_once_is_history_piece_by_piece(
    life: tuple[Rule, list[Point], list[Command], list[datetime]],
) -> None:
    one, given_points, given_commands, cuts = life
    end = minute(45)
    start = initial(one.name, {"host": "a"}, START)
    assert in_pieces(one, start, given_points, given_commands, [*cuts, end]) == evaluate(
        one, start, given_points, given_commands, end
    )


ALLOWED = {
    Status.INACTIVE: {Status.PENDING, Status.TRIGGERED},
    Status.PENDING: {Status.INACTIVE, Status.TRIGGERED, Status.NO_DATA},
    Status.TRIGGERED: {Status.ACKNOWLEDGED, Status.RESOLVED, Status.NO_DATA},
    Status.ACKNOWLEDGED: {Status.RESOLVED, Status.NO_DATA},
    Status.RESOLVED: {Status.PENDING, Status.TRIGGERED},
    Status.NO_DATA: {Status.PENDING, Status.TRIGGERED, Status.ACKNOWLEDGED, Status.RESOLVED},
}


@given(lives())
def test_a_life_is_a_chain_of_allowed_transitions(
    life: tuple[Rule, list[Point], list[Command], list[datetime]],
) -> None:
    one, given_points, given_commands, _ = life
    found = evaluate(one, initial(one.name, {}, START), given_points, given_commands, minute(45))
    before, at, incident = Status.INACTIVE, START, 0
    for transition in found.transitions:
        assert transition.before is before
        assert transition.after in ALLOWED[before]
        assert transition.at >= at
        is_new = transition.after is Status.TRIGGERED and before is not Status.NO_DATA
        assert transition.incident == incident + is_new
        by_hand = transition.who is not None
        assert by_hand <= (transition.after in (Status.ACKNOWLEDGED, Status.RESOLVED))
        before, at, incident = transition.after, transition.at, transition.incident
    assert found.state.status is before
    did_something = [one for one in found.transitions if one.who]
    assert len(did_something) + len(found.ignored) == len(given_commands)
