"""All changes of validity between two versions of JSON Schemas.

BACKWARD: the new version accepts all that the old one accepted. What it accepts besides breaks FORWARD, which harms
those who read new data with the old version, and is not counted as breaking.
"""

from collections.abc import Iterator

from analytics_etl.schemas.changes import BACKWARD, FORWARD, Action, Category, Change
from analytics_etl.schemas.json_schema.node import Node
from analytics_etl.schemas.json_schema.reading import Parsed
from analytics_etl.schemas.json_schema.subset import Subset


def changes(old: Parsed, new: Parsed) -> Iterator[Change]:
    """What the new version accepts less or more in the files that both have, and the files that are gone."""
    for path in old.schemas:
        after = path
        if len(old.schemas) == len(new.schemas) == 1:
            (after,) = new.schemas  # whatever its file is called
        if after not in new.schemas:
            text = f"The schema {path} was removed."
            yield Change(Category.BREAKING_SOURCE, Action.REMOVED, "schema_removed", path, text, path)
            continue
        for item in dict.fromkeys(Subset().between(_node(old, path), _node(new, after), "#")):
            modes = (BACKWARD,) * item.narrows + (FORWARD,) * item.widens
            if item.narrows:
                category = Category.BREAKING_WIRE
            else:
                is_addition = item.rule == "PROPERTY_ADDED_TO_CLOSED_CONTENT_MODEL"
                category = Category.ADDITION if is_addition else Category.COMPATIBLE
            text = f"{item.element}: {item.message}."
            yield Change(category, _action(item.rule), item.rule, item.element, text, after, None, modes)


def _action(rule: str) -> Action:
    if rule.startswith("PROPERTY_ADDED"):
        return Action.ADDED
    return Action.REMOVED if rule.startswith("PROPERTY_REMOVED") else Action.CHANGED


def _node(parsed: Parsed, path: str) -> Node:
    assert parsed.references is not None
    schema, dialect = parsed.schemas[path]
    return Node(schema, dialect, parsed.references.resolver(path))
