"""Is everything valid that was valid? A walk through two schemas that reports every difference with its place.

What a schema allows in properties that it does not name is its content model: closed if they are forbidden, open if
anything goes. A property that is added to an open model narrows it, one that is added to a closed model widens it.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any

from analytics_etl.schemas.json_schema import differences
from analytics_etl.schemas.json_schema.combinations import Combinations
from analytics_etl.schemas.json_schema.dialects import below
from analytics_etl.schemas.json_schema.differences import Difference, narrowed, widened
from analytics_etl.schemas.json_schema.node import Node

_SIMPLE: tuple[Callable[[Node, Node, str], Iterator[Difference]], ...] = (
    differences.of_types,
    differences.of_limits,
    differences.of_texts,
    differences.of_unique_items,
    differences.of_required,
    differences.of_dependencies,
)


class Subset(Combinations):
    """One comparison. Schemas that contain themselves are assumed to fit while they are compared."""

    def __init__(self) -> None:
        super().__init__()
        self._under_way: dict[tuple[int, int], int] = {}
        self._known: dict[tuple[int, int], list[Difference]] = {}
        self._kept: list[object] = []
        self._lowest = _NONE

    def between(self, old: Node, new: Node, element: str) -> list[Difference]:
        """All differences of two schemas."""
        old, new = old.followed(), new.followed()
        element = new.place or element
        pair = id(old.schema), id(new.schema)
        if pair in self._known:
            return self._known[pair]
        if pair in self._under_way:
            self._lowest = min(self._lowest, self._under_way[pair])
            return []
        depth = self._under_way[pair] = len(self._under_way)
        self._kept += [old.schema, new.schema]  # as long as their ids are in use
        outer, self._lowest = self._lowest, _NONE
        found = list(dict.fromkeys(self._differences(old, new, element)))
        del self._under_way[pair]
        stands_once = not (isinstance(old.schema, bool) or isinstance(new.schema, bool))
        if self._lowest >= depth and stands_once:  # it rests on no assumption about a schema around it
            self._known[pair] = found
        self._lowest = min(outer, self._lowest if self._lowest < depth else _NONE)
        return found

    def _differences(self, old: Node, new: Node, element: str) -> Iterator[Difference]:
        if new.is_anything or old.is_nothing:
            if not (old.is_anything or new.is_nothing):
                yield widened("TYPE_EXTENDED", element, "everything is valid now")
            return
        if new.is_nothing:
            yield narrowed("TYPE_CHANGED", element, "nothing is valid any more")
            return
        for compare in _SIMPLE:
            yield from compare(old, new, element)
        inside = list(self._inside(old, new, element))
        yield from inside
        closing = [keyword for keyword in _UNEVALUATED if new.get(keyword) not in (None, True)]
        if inside and closing and (old.is_combined or new.is_combined):
            # What these forbid depends on the combined schemas.
            yield narrowed("UNEVALUATED_CHANGED", element, f"other values may be what {closing[0]} is about")

    def _inside(self, old: Node, new: Node, element: str) -> Iterator[Difference]:
        shared = old.types() & new.types()
        if "array" in shared:
            yield from self._items(old, new, element)
        if "object" in shared:
            yield from self._properties(old, new, element)
        yield from self.combinations(old, new, element)

    def _items(self, old: Node, new: Node, element: str) -> Iterator[Difference]:
        (was, was_rest), (is_, is_rest) = _tuple(old), _tuple(new)
        for number in range(max(len(was), len(is_))):
            before = was[number] if number < len(was) else was_rest
            after = is_[number] if number < len(is_) else is_rest
            yield from self.between(before, after, below(element, "items", number))
        yield from self.between(was_rest, is_rest, below(element, "items"))
        contained = list(self._optional("contains", "ITEMS_CONTAIN", old, new, element))
        yield from contained
        if contained and new.get("maxContains") is not None:
            yield narrowed("ITEMS_CONTAIN_CHANGED", element, "more items may count as contained ones")
        yield from self._opaque("unevaluatedItems", old, new, element)

    def _properties(self, old: Node, new: Node, element: str) -> Iterator[Difference]:
        was, is_ = old.get("properties") or {}, new.get("properties") or {}
        for name in [*was, *(name for name in is_ if name not in was)]:
            place = below(element, "properties", name)
            if name in was and name in is_:
                yield from self._all_between(_of_property(old, name), _of_property(new, name), place)
            elif name in is_:
                yield from self._added(old, new, name, place)
            else:
                yield from self._removed(old, new, name, place)
        for pattern in sorted({*(old.get("patternProperties") or {}), *(new.get("patternProperties") or {})}):
            before, after = (_of_pattern(node, pattern) for node in (old, new))
            yield from self.between(before, after, below(element, "patternProperties", pattern))
        yield from self._additional(old, new, element)
        yield from self._dependent(old, new, element)
        yield from self._optional("propertyNames", "PROPERTY_NAMES", old, new, element)
        yield from self._opaque("unevaluatedProperties", old, new, element)

    def _added(self, old: Node, new: Node, name: str, place: str) -> Iterator[Difference]:
        before, after = _of_property(old, name), _of_property(new, name)
        if any(node.is_nothing for node in before):
            yield widened("PROPERTY_ADDED_TO_CLOSED_CONTENT_MODEL", place, "it was not valid before")
        elif all(node.is_anything for node in before):
            if not all(node.followed().is_anything for node in after):
                text = "it may have been there before with any value"
                yield narrowed("PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL", place, text)
        else:
            yield from self._all_between(before, after, place)

    def _removed(self, old: Node, new: Node, name: str, place: str) -> Iterator[Difference]:
        before, after = _of_property(old, name), _of_property(new, name)
        if any(node.is_nothing for node in after):
            yield narrowed("PROPERTY_REMOVED_FROM_CLOSED_CONTENT_MODEL", place, "it is not valid any more")
        elif all(node.is_anything for node in after):
            yield widened("PROPERTY_REMOVED_FROM_OPEN_CONTENT_MODEL", place, "it may have any value now")
        else:
            yield from self._all_between(before, after, place)

    def _dependent(self, old: Node, new: Node, element: str) -> Iterator[Difference]:
        """Differences in schemas that must hold if a property is there."""
        for keyword in ("dependencies", "dependentSchemas"):
            was, is_ = old.get(keyword) or {}, new.get(keyword) or {}
            for name in sorted(was.keys() & is_.keys()):
                if isinstance(was[name], dict | bool) and isinstance(is_[name], dict | bool):
                    place = below(element, keyword, name)
                    yield from self.between(old.inner(was[name]), new.inner(is_[name]), place)

    def _additional(self, old: Node, new: Node, element: str) -> Iterator[Difference]:
        before, after = _additional(old), _additional(new)
        if before.followed().is_anything and after.is_nothing:
            text = "properties that are not named are not valid any more"
            yield narrowed("ADDITIONAL_PROPERTIES_REMOVED", element, text)
        elif before.is_nothing and after.followed().is_anything:
            text = "properties that are not named are valid now"
            yield widened("ADDITIONAL_PROPERTIES_ADDED", element, text)
        else:
            yield from self.between(before, after, below(element, "additionalProperties"))


_NONE = 1 << 60
"""Deeper than any walk."""
_UNEVALUATED = ("unevaluatedItems", "unevaluatedProperties")


def _tuple(node: Node) -> tuple[list[Node], Node]:
    """The schemas of the first items, and the one of all others."""
    items, prefix = node.get("items"), node.get("prefixItems")
    if isinstance(items, list):
        first, rest = items, node.get("additionalItems")
    else:
        first, rest = (prefix if isinstance(prefix, list) else []), items
    return [node.inner(schema) for schema in first], _rest(node, rest, "unevaluatedItems")


def _rest(node: Node, stated: Any, unevaluated: str) -> Node:
    """The schema of what has none of its own: the stated one, or anything.

    What is forbidden as unevaluated counts as stated, too, if no schema inside could have allowed it.
    """
    if stated is None and not node.is_combined:
        stated = node.get(unevaluated)
    return node.inner(True if stated is None else stated)


def _additional(node: Node) -> Node:
    return _rest(node, node.get("additionalProperties"), "unevaluatedProperties")


def _of_pattern(node: Node, pattern: str) -> Node:
    patterns = node.get("patternProperties") or {}
    return node.inner(patterns[pattern]) if pattern in patterns else _additional(node)


def _of_property(node: Node, name: str) -> list[Node]:
    """The schemas that the value of a property must meet."""
    properties, patterns = node.get("properties") or {}, node.get("patternProperties") or {}
    found = [properties[name]] if name in properties else []
    found += [schema for pattern, schema in patterns.items() if _matches(pattern, name)]
    return [node.inner(schema) for schema in found] or [_additional(node)]


def _matches(pattern: str, name: str) -> bool:
    """Whether a pattern, in the dialect of JavaScript, fits a name; one that Python does not know fits none."""
    try:
        return re.search(pattern, name) is not None
    except re.error:
        return False
