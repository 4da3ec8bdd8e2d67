"""What the help of questions teaches: its examples can be typed, and each command has one."""

import re
import shlex
from collections.abc import Iterator
from datetime import date, timedelta

import click
import pytest

from analytics_etl.cli import main
from analytics_etl.cli.clock import yesterday


def questions() -> Iterator[tuple[str, click.Command]]:
    query = main.commands["query"]
    assert isinstance(query, click.Group)
    for family, group in query.commands.items():
        assert isinstance(group, click.Group)
        for name, command in group.commands.items():
            yield f"query {family} {name}", command


def examples(text: str) -> list[list[str]]:
    """The words after `analytics-etl` of each example, whose lines a backslash may continue."""
    found = re.findall(r"^ *analytics-etl (query (?:.*\\\n)*.*)$", text, re.MULTILINE)
    return [shlex.split(example.replace("\\\n", " ")) for example in found]


@pytest.mark.parametrize(("name", "command"), [pytest.param(*each, id=each[0]) for each in questions()])
def test_examples_can_be_typed(name: str, command: click.Command) -> None:
    """With everything but the answer: names of options, values and cursors aside."""
    found = examples(command.help or "")
    assert found, f"{name} has no example"
    for words in found:
        assert " ".join(words[:3]) == name
        command.make_context(name, words[3:])


def test_groups_name_questions_that_there_are() -> None:
    query = main.commands["query"]
    assert isinstance(query, click.Group)
    known = {name for name, _ in questions()}
    named = {" ".join(words[:3]) for group in (query, *query.commands.values()) for words in examples(group.help or "")}
    assert named
    assert named <= known


def test_examples_name_days_of_samples_that_end_yesterday() -> None:
    """Wherever days stand in the help: those of the 35 days that `demo` and `sample` make."""

    def help_of(command: click.Command) -> Iterator[str]:
        yield command.help or ""
        for parameter in command.params:
            yield getattr(parameter, "help", None) or ""
        for below in command.commands.values() if isinstance(command, click.Group) else ():
            yield from help_of(below)

    named = {date.fromisoformat(day) for text in help_of(main) for day in re.findall(r"\d{4}-\d\d-\d\d", text)}
    assert yesterday() in named
    assert min(named) > yesterday() - timedelta(days=35)
    assert max(named) == yesterday()
