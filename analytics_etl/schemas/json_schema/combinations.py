"""Differences in schemas that are made of others: `allOf`, `anyOf`, `oneOf`, `not`, `if`."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import replace

from analytics_etl.schemas.json_schema.dialects import below
from analytics_etl.schemas.json_schema.differences import Difference, narrowed, required_by, widened
from analytics_etl.schemas.json_schema.node import Node
from analytics_etl.schemas.json_schema.walking import REFERENCES

_COMBINATIONS = frozenset({"allOf", "anyOf", "oneOf", "not", "if", "then", "else", *REFERENCES})
_CONDITION = ("if", "then", "else")


class Combinations(ABC):
    """The part of a comparison (`subset.Subset`) that looks at schemas inside of combinations."""

    def __init__(self) -> None:
        self._plain_ones: dict[int, tuple[object, object]] = {}

    @abstractmethod
    def between(self, old: Node, new: Node, element: str) -> list[Difference]:
        """All differences of two schemas."""

    def is_subset(self, old: Node, new: Node, element: str) -> bool:
        """Whether everything that is valid in the old schema is valid in the new one."""
        return not any(difference.narrows for difference in self.between(old, new, element))

    def _plain(self, node: Node) -> Node:
        """A schema without its combinations: the same object each time, so that a circle is noticed."""
        if not isinstance(node.schema, dict) or not _COMBINATIONS & node.schema.keys():
            return node
        if id(node.schema) not in self._plain_ones:
            kept = {keyword: value for keyword, value in node.schema.items() if keyword not in _COMBINATIONS}
            self._plain_ones[id(node.schema)] = node.schema, kept
        return replace(node, schema=self._plain_ones[id(node.schema)][1])

    def combinations(self, old: Node, new: Node, element: str) -> Iterator[Difference]:
        """Differences in all combinations."""
        yield from self._products(old, new, element)
        for keyword in ("anyOf", "oneOf"):
            yield from self._sums(keyword, old, new, element)
        yield from self._negation(old, new, element)
        yield from self._conditions(old, new, element)

    def _all_between(self, old: Sequence[Node], new: Sequence[Node], element: str) -> Iterator[Difference]:
        """Differences between what must be met together."""
        if len(old) == len(new) == 1:
            yield from self.between(old[0], new[0], element)
            return
        for after in new:
            if not any(self.is_subset(before, after, element) for before in old):
                yield narrowed("PRODUCT_TYPE_EXTENDED", element, "it must meet another schema besides")
        for before in old:
            if not any(self.is_subset(after, before, element) for after in new):
                yield widened("PRODUCT_TYPE_NARROWED", element, "it need not meet one of the schemas any more")

    def _products(self, old: Node, new: Node, element: str) -> Iterator[Difference]:
        was, is_ = old.all_of(), new.all_of()
        if len(was) == len(is_) == 1:
            yield from self.between(was[0], is_[0], element)
        elif was or is_:
            for after in is_:
                if not any(self.is_subset(before, after, element) for before in [*was, self._plain(old)]):
                    yield narrowed("PRODUCT_TYPE_EXTENDED", element, "it must meet another schema besides")
            for before in was:
                if not any(self.is_subset(after, before, element) for after in [*is_, self._plain(new)]):
                    yield widened("PRODUCT_TYPE_NARROWED", element, "it need not meet one of the schemas any more")

    def _sums(self, keyword: str, old: Node, new: Node, element: str) -> Iterator[Difference]:
        was, is_ = ([node.inner(schema) for schema in node.get(keyword) or ()] for node in (old, new))
        if not was and not is_:
            return
        if not was:
            if not any(self.is_subset(self._plain(old), branch, element) for branch in is_) or keyword == "oneOf":
                yield narrowed("COMBINED_TYPE_CHANGED", element, f"it must meet one of {len(is_)} schemas now")
        elif not is_:
            yield widened("COMBINED_TYPE_EXTENDED", element, f"it need not meet one of {len(was)} schemas any more")
        elif len(was) == len(is_) == 1:
            yield from self.between(was[0], is_[0], element)
        else:
            yield from self._branches(keyword, was, is_, new.types(), element)

    def _branches(
        self, keyword: str, was: list[Node], is_: list[Node], types: frozenset[str], element: str
    ) -> Iterator[Difference]:
        """Differences between lists of schemas; `types` are valid where these stand."""
        lost = [number for number, old in enumerate(was) if not any(self.is_subset(old, new, element) for new in is_)]
        gained = [number for number, new in enumerate(is_) if not any(self.is_subset(new, old, element) for old in was)]
        for number in lost:
            text = f"what met schema {number + 1} of {keyword} need not meet any now"
            yield narrowed("SUM_TYPE_NARROWED", element, text)
        if gained and not lost:
            if keyword == "oneOf" and not _are_apart(is_, types):
                text = "what met one schema of oneOf may meet two now"
                yield narrowed("SUM_TYPE_EXTENDED", element, text)
            else:
                yield widened("SUM_TYPE_EXTENDED", element, f"{len(gained)} schemas of {keyword} are new")

    def _negation(self, old: Node, new: Node, element: str) -> Iterator[Difference]:
        was, is_ = old.get("not"), new.get("not")
        if is_ is not None and was is None:
            yield narrowed("NOT_TYPE_EXTENDED", element, "what meets a schema is not valid any more")
        elif is_ is None and was is not None:
            yield widened("NOT_TYPE_NARROWED", element, "what meets a schema is valid now")
        elif is_ is not None and not self.is_subset(new.inner(is_), old.inner(was), element):
            yield narrowed("NOT_TYPE_EXTENDED", element, "more is forbidden than before")

    def _conditions(self, old: Node, new: Node, element: str) -> Iterator[Difference]:
        if new.get("if") is None:
            if old.get("if") is not None:
                yield widened("CONDITION_REMOVED", element, "a condition holds no more")
            return
        parts = [[node.inner(node.get(word, {})) for node in (old, new)] for word in _CONDITION]
        if old.get("if") is None or any(self.between(was, is_, element) for was, is_ in parts):
            yield narrowed("CONDITION_CHANGED", element, "the condition of if, then, else is another")

    def _optional(self, keyword: str, rule: str, old: Node, new: Node, element: str) -> Iterator[Difference]:
        """Differences in a schema that need not be there, and then allows everything."""
        was, is_ = old.get(keyword), new.get(keyword)
        if was is None and is_ is not None:
            yield narrowed(f"{rule}_ADDED", element, f"{keyword} is new")
        elif is_ is None and was is not None:
            yield widened(f"{rule}_REMOVED", element, f"{keyword} is gone")
        elif was is not None:
            yield from self.between(old.inner(was), new.inner(is_), below(element, keyword))

    def _opaque(self, keyword: str, old: Node, new: Node, element: str) -> Iterator[Difference]:
        """Differences in a keyword whose effect depends on others: only its absence is known to allow more."""
        was, is_ = old.get(keyword), new.get(keyword)
        if was == is_:
            return
        if is_ in (None, True):
            yield widened("UNEVALUATED_REMOVED", element, f"{keyword} is gone")
        else:
            yield narrowed("UNEVALUATED_CHANGED", element, f"{keyword} is another")


def _are_apart(branches: list[Node], types: frozenset[str]) -> bool:
    """Whether no value of the given types can meet two of the schemas: types, or properties, exclude each other."""
    return all(
        _differ(first.followed(), second.followed(), types)
        for number, first in enumerate(branches)
        for second in branches[:number]
    )


def _differ(first: Node, second: Node, types: frozenset[str]) -> bool:
    shared = first.types() & second.types() & types
    if shared != {"object"}:
        return not shared
    needs = [required_by(node) for node in (first, second)]
    return (
        any(_forbids(second, name) for name in needs[0])
        or any(_forbids(first, name) for name in needs[1])
        or any(_have_other_values(first, second, name) for name in needs[0] & needs[1])
    )


def _forbids(node: Node, name: str) -> bool:
    """Whether a property is not valid in a closed content model."""
    is_closed = node.get("additionalProperties") is False and not node.get("patternProperties")
    return is_closed and name not in (node.get("properties") or {})


def _have_other_values(first: Node, second: Node, name: str) -> bool:
    """Whether a property has only listed values in both, and none in common."""
    values = []
    for node in (first, second):
        listed = node.inner((node.get("properties") or {}).get(name, True)).followed().values()
        if listed is None:
            return False
        values.append({repr(value) for value in listed})
    return not values[0] & values[1]
