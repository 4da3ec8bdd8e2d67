"""Matchers of labels: which series a rule reads, which alerts a silence mutes."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

Labels = Mapping[str, str]
"""Name -> value. An empty value is the same as no label: a series of the platform itself has no tenant."""


@dataclass(frozen=True)
class Matcher:
    """One label has one of some values, or none of them. In a value, `*` stands for any text."""

    name: str
    values: tuple[str, ...]
    is_negated: bool = False

    def matches(self, labels: Labels) -> bool:
        value = labels.get(self.name, "")
        return any(fnmatchcase(value, _literal(pattern)) for pattern in self.values) != self.is_negated

    @property
    def only_value(self) -> str | None:
        """The value that the label must have, if there is just one."""
        is_one = len(self.values) == 1 and not self.is_negated and "*" not in self.values[0]
        return self.values[0] if is_one else None

    @property
    def promql(self) -> str:
        """The matcher as Prometheus writes it."""
        if len(self.values) == 1 and "*" not in self.values[0]:
            return f"{self.name}{'!=' if self.is_negated else '='}{quoted(self.values[0])}"
        pattern = "|".join(".*".join(map(re.escape, value.split("*"))) for value in self.values)
        return f"{self.name}{'!~' if self.is_negated else '=~'}{quoted(pattern)}"


def matchers_of(labels: Mapping[str, Any]) -> tuple[Matcher, ...]:
    """Read matchers: a value, a list of values, or `{not: value or list}` for each label."""
    return tuple(_matcher(name, wanted) for name, wanted in sorted(labels.items()))


def all_match(matchers: Iterable[Matcher], labels: Labels) -> bool:
    return all(matcher.matches(labels) for matcher in matchers)


def quoted(text: str) -> str:
    """A string in double quotes, as Prometheus reads it."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def written(labels: Labels) -> str:
    """{entity="orders", family="registry"}: labels in order, without empty ones."""
    return "{" + ", ".join(f"{name}={quoted(value)}" for name, value in sorted(labels.items()) if value) + "}"


def _matcher(name: str, wanted: Any) -> Matcher:
    if isinstance(wanted, Mapping):
        return Matcher(name, _values(wanted["not"]), is_negated=True)
    return Matcher(name, _values(wanted))


def _values(wanted: str | list[str]) -> tuple[str, ...]:
    return (wanted,) if isinstance(wanted, str) else tuple(wanted)


def _literal(pattern: str) -> str:
    """The pattern with `*` as its only wildcard: to fnmatch `?` and `[` mean something, too."""
    return re.sub(r"[\[?]", r"[\g<0>]", pattern)
