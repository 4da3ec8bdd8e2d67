"""What one schema allows and another does not, keyword by keyword.

A difference narrows when a value that was valid need not be so any more, and widens when more is valid than before. The
rules have the names of Confluent's schema registry where it has one. In doubt a difference narrows: a wrong
"compatible" harms, a wrong "breaking" is looked at.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from analytics_etl.schemas.json_schema.dialects import below
from analytics_etl.schemas.json_schema.node import Node


@dataclass(frozen=True)
class Difference:
    """One difference at one place."""

    rule: str
    element: str
    message: str
    narrows: bool
    widens: bool = False


def narrowed(rule: str, element: str, message: str) -> Difference:
    return Difference(rule, element, message, narrows=True)


def widened(rule: str, element: str, message: str) -> Difference:
    return Difference(rule, element, message, narrows=False, widens=True)


def of_types(old: Node, new: Node, element: str) -> Iterator[Difference]:
    """Differences in `type`, `enum` and `const`."""
    was, is_ = old.types(), new.types()
    if lost := was - is_:
        rule = "TYPE_NARROWED" if was & is_ else "TYPE_CHANGED"
        yield narrowed(rule, element, f"{_listed(lost)} is not valid any more")
    if gained := is_ - was:
        yield widened("TYPE_EXTENDED", element, f"{_listed(gained)} is valid now")
    before, after = old.values(), new.values()
    if before is None and after is not None:
        yield narrowed("ENUM_ARRAY_ADDED", element, f"only {len(after)} listed values are valid now")
    elif before is not None and after is None:
        yield widened("ENUM_ARRAY_REMOVED", element, "values other than the listed ones are valid now")
    elif before is not None and after is not None:
        known, now = {_key(value) for value in before}, {_key(value) for value in after}
        if known - now:
            yield narrowed("ENUM_ARRAY_NARROWED", element, f"{_some(known - now)} is not valid any more")
        if now - known:
            yield widened("ENUM_ARRAY_EXTENDED", element, f"{_some(now - known)} is valid now")


def _listed(types: frozenset[str]) -> str:
    """Types as a person names them: integer and fraction are a number."""
    names = set(types)
    if {"integer", "fraction"} <= names:
        names = names - {"integer", "fraction"} | {"number"}
    return ", ".join(sorted("a number with a fraction" if name == "fraction" else name for name in names))


def _some(keys: set[str]) -> str:
    shown = sorted(keys)[:5]
    return ", ".join(shown) + (f" and {len(keys) - len(shown)} more" if len(keys) > len(shown) else "")


def _key(value: Any) -> str:
    """A text that equal values have in common: 1 and 1.0 are equal."""
    if isinstance(value, float) and value == int(value):
        value = int(value)
    return json.dumps(value, sort_keys=True)


_UPPER = {"string": ("maxLength",), "array": ("maxItems", "maxContains"), "object": ("maxProperties",)}
_LOWER = {"string": ("minLength",), "array": ("minItems", "minContains"), "object": ("minProperties",)}


def of_limits(old: Node, new: Node, element: str) -> Iterator[Difference]:
    """Differences in numbers that limit values, lengths and counts, of types that both schemas allow."""
    shared = old.types() & new.types()
    for type_ in sorted(shared & _UPPER.keys()):
        for keyword in _UPPER[type_]:
            yield from _limit(keyword, _bound(old, keyword), _bound(new, keyword), element, is_upper=True)
        for keyword in _LOWER[type_]:
            yield from _limit(keyword, _lower(old, keyword), _lower(new, keyword), element, is_upper=False)
    if shared & {"integer", "fraction"}:
        for keyword, is_upper in (("maximum", True), ("minimum", False)):
            was, is_ = _number_bound(old, keyword), _number_bound(new, keyword)
            yield from _limit(keyword, was, is_, element, is_upper=is_upper)
        yield from _multiple(old, new, element)


Bound = tuple[float, int] | None
"""A limit, and how far it lies inside of what the number says: 1 if the number itself is excluded."""


def _bound(node: Node, keyword: str) -> Bound:
    value = node.get(keyword)
    return None if value is None else (value, 0)


def _lower(node: Node, keyword: str) -> Bound:
    """The lower limit of a length or count, which is there also if it is not written."""
    return _bound(node, keyword) or (int(keyword == "minContains"), 0)


def _number_bound(node: Node, keyword: str) -> Bound:
    """The limit of a number; draft 4 says by a boolean that it is excluded, later drafts by another number."""
    exclusive = node.get("exclusiveM" + keyword[1:])
    value, tighter = node.get(keyword), (min if keyword == "maximum" else max)
    if isinstance(exclusive, bool) or exclusive is None:
        return None if value is None else (value, int(exclusive is True))
    if value is None or exclusive == tighter(value, exclusive):
        return exclusive, 1
    return value, 0


def _limit(keyword: str, was: Bound, is_: Bound, element: str, *, is_upper: bool) -> Iterator[Difference]:
    if was == is_:
        return
    rule = "".join(f"_{letter}" if letter.isupper() else letter for letter in keyword).upper()
    if was is None or is_ is None:
        if was is None:
            yield narrowed(f"{rule}_ADDED", element, f"{keyword} is {_shown(is_)} now")
        else:
            yield widened(f"{rule}_REMOVED", element, f"{keyword} was {_shown(was)}")
        return
    sign = 1 if is_upper else -1
    before, after = (sign * was[0], -was[1]), (sign * is_[0], -is_[1])
    word = "INCREASED" if is_[0] > was[0] else "DECREASED" if is_[0] < was[0] else "CHANGED"
    make = narrowed if after < before else widened
    yield make(f"{rule}_{word}", element, f"{keyword} is {_shown(is_)}, before {_shown(was)}")


def _shown(bound: Bound) -> str:
    return "" if bound is None else f"{bound[0]:g}" + (" (itself excluded)" if bound[1] else "")


def _multiple(old: Node, new: Node, element: str) -> Iterator[Difference]:
    was = old.get("multipleOf", old.get("divisibleBy"))
    is_ = new.get("multipleOf", new.get("divisibleBy"))
    if was == is_:
        return
    if was is None:
        yield narrowed("MULTIPLE_OF_ADDED", element, f"multipleOf is {is_:g} now")
    elif is_ is None:
        yield widened("MULTIPLE_OF_REMOVED", element, f"multipleOf was {was:g}")
    elif was % is_ == 0:
        yield widened("MULTIPLE_OF_REDUCED", element, f"multipleOf is {is_:g}, before {was:g}")
    else:
        yield narrowed("MULTIPLE_OF_CHANGED", element, f"multipleOf is {is_:g}, before {was:g}")


def of_texts(old: Node, new: Node, element: str) -> Iterator[Difference]:
    """Differences in `pattern` and `format`. Until draft 7 most validators check formats, later they do not."""
    if "string" not in old.types() & new.types():
        return
    keywords = ("pattern",) if new.dialect.has_reference_siblings else ("pattern", "format")
    for keyword in keywords:
        was, is_ = old.get(keyword), new.get(keyword)
        if was == is_:
            continue
        rule = keyword.upper()
        if was is None:
            yield narrowed(f"{rule}_ADDED", element, f"{keyword} is {is_!r} now")
        elif is_ is None:
            yield widened(f"{rule}_REMOVED", element, f"{keyword} was {was!r}")
        else:
            yield narrowed(f"{rule}_CHANGED", element, f"{keyword} is {is_!r}, before {was!r}")


def of_unique_items(old: Node, new: Node, element: str) -> Iterator[Difference]:
    """Differences in `uniqueItems`."""
    if "array" in old.types() & new.types():
        was, is_ = bool(old.get("uniqueItems")), bool(new.get("uniqueItems"))
        if is_ and not was:
            yield narrowed("UNIQUE_ITEMS_ADDED", element, "items must be unique now")
        elif was and not is_:
            yield widened("UNIQUE_ITEMS_REMOVED", element, "items need not be unique any more")


def of_required(old: Node, new: Node, element: str) -> Iterator[Difference]:
    """Differences in which properties must be there. A default does not help: validators do not fill it in."""
    if "object" not in old.types() & new.types():
        return
    was, is_ = required_by(old), required_by(new)
    for name in sorted(is_ - was):
        yield narrowed("REQUIRED_ATTRIBUTE_ADDED", below(element, "properties", name), "it is required now")
    for name in sorted(was - is_):
        yield widened("REQUIRED_ATTRIBUTE_REMOVED", below(element, "properties", name), "it is not required any more")


def required_by(node: Node) -> set[str]:
    """The properties that must be there."""
    stated = node.get("required")
    return {name for name in stated if isinstance(name, str)} if isinstance(stated, list) else set()


def of_dependencies(old: Node, new: Node, element: str) -> Iterator[Difference]:
    """Differences in what must be there if something else is there. Not here: two schemas that must hold then."""
    if "object" not in old.types() & new.types():
        return
    for keyword in ("dependencies", "dependentRequired", "dependentSchemas"):
        before, after = old.get(keyword) or {}, new.get(keyword) or {}
        for name in sorted(before.keys() | after.keys()):
            was, is_, place = before.get(name), after.get(name), below(element, keyword, name)
            if was == is_ or (isinstance(was, dict | bool) and isinstance(is_, dict | bool)):
                continue
            if is_ is None:
                yield widened("DEPENDENCY_ARRAY_REMOVED", place, "nothing depends on it any more")
            elif was is None:
                yield narrowed("DEPENDENCY_ARRAY_ADDED", place, f"with it {_key(is_)} must hold now")
            elif isinstance(was, list) and isinstance(is_, list) and set(is_) <= set(was):
                yield widened("DEPENDENCY_ARRAY_NARROWED", place, "less depends on it")
            else:
                yield narrowed("DEPENDENCY_ARRAY_CHANGED", place, "something else depends on it")
