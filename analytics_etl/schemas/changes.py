"""How a version differs from the one before, as values. Not here: how changes are found, and what is counted."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

BACKWARD, FORWARD, FULL = "BACKWARD", "FORWARD", "FULL"
"""Kinds of compatibility, as Confluent's registry calls them: the new version reads old data, the old one new data."""


class Category(StrEnum):
    """Whom a change concerns."""

    BREAKING_WIRE = "breaking_wire"
    """Data that one version wrote, binary or JSON, is not read by the other, or read as something else."""
    BREAKING_SOURCE = "breaking_source"
    """Code that was written against one version does not build or run with the other."""
    DEPRECATION = "deprecation"
    ADDITION = "addition"
    DOCUMENTATION = "documentation"
    COMPATIBLE = "compatible"
    """Something else that harms nobody."""

    @property
    def is_breaking(self) -> bool:
        return self in {Category.BREAKING_WIRE, Category.BREAKING_SOURCE}


class Action(StrEnum):
    """What happened to an element."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class Change:
    """One change of one element. An element may have several, since several rules may be about it."""

    category: Category
    action: Action
    rule: str
    """The rule that says so: an id of Buf, of Avro's schema resolution, or one of ours in lower case."""
    element: str
    """Full name of the entity, with the field's behind it; a path, if it is about a file."""
    message: str
    file: str | None = None
    """A file of the new version; of a removed file, one of the old version."""
    line: int | None = None
    sets: tuple[str, ...] = ()
    """Where the rule belongs: Buf's categories; of Avro and JSON Schema, the kinds of compatibility it breaks."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """The changes from one version to another."""

    changes: tuple[Change, ...] = ()
    obstacle: str | None = None
    """Why the versions could not be compared; there are no changes then."""

    @property
    def breaking(self) -> tuple[Change, ...]:
        return tuple(change for change in self.changes if change.category.is_breaking)

    def keeps(self, kind: str) -> bool:
        """Whether the new version is compatible in one of Confluent's kinds with the old one."""
        needed = {BACKWARD, FORWARD} if kind == FULL else {kind}
        return self.obstacle is None and not any(needed & set(change.sets) for change in self.changes)


def compatibility(comparisons: Sequence[Comparison]) -> dict[str, bool]:
    """Confluent's modes -> whether a new version keeps them, from its comparisons with all older ones, newest first."""
    kinds = (BACKWARD, FORWARD, FULL)
    last = {kind: all(comparison.keeps(kind) for comparison in comparisons[:1]) for kind in kinds}
    always = {f"{kind}_TRANSITIVE": all(comparison.keeps(kind) for comparison in comparisons) for kind in kinds}
    return last | always
