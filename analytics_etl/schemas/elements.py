"""Changes of elements that no rule of a format is about: additions, deprecations, documentation. For all formats.

Rules of ours are written in lower case.
"""

from collections.abc import Iterator, Mapping, Sequence

from analytics_etl.schemas.changes import Action, Category, Change
from analytics_etl.schemas.values import Catalogue, Entity, Field, Format, Kind

_KEYWORDS = ("properties", "enum")
"""Where the fields of an object and the values of an enum stand in a JSON Schema."""


def changes_of_elements(old: Catalogue, new: Catalogue, known: Sequence[Change]) -> Iterator[Change]:
    """What was added, removed and changed, without what is in `known` already."""
    told = {(change.element, change.action) for change in known}
    for change in _changes(old, new):
        is_about_words = change.category in {Category.DEPRECATION, Category.DOCUMENTATION}
        if is_about_words or (change.element, change.action) not in told:
            yield change


def element_of(format_: Format, entity: Entity, field: Field) -> str:
    """The full name of a field."""
    if format_ is Format.JSON_SCHEMA:
        name = field.name.replace("~", "~0").replace("/", "~1")
        return f"{entity.name}/{_KEYWORDS[entity.kind is Kind.ENUM]}/{name}"
    return field.name if entity.kind is Kind.EXTENSION else f"{entity.name}.{field.name}"


def _changes(old: Catalogue, new: Catalogue) -> Iterator[Change]:
    paths = {file.path for file in old.files}
    for file in new.files:
        if file.path not in paths:
            text = f"The file {file.path} was added."
            yield Change(Category.ADDITION, Action.ADDED, "file_added", file.path, text, file.path)
    before, after = _by_name(old, new), _by_name(new, old)
    for key, entity in after.items():
        if key not in before:
            yield _entity(Category.ADDITION, Action.ADDED, entity)
        else:
            yield from _of_entity(new.format, before[key], entity)
    for key, entity in before.items():
        if key not in after:
            yield _entity(Category.COMPATIBLE, Action.REMOVED, entity)


def _by_name(catalogue: Catalogue, other: Catalogue) -> Mapping[tuple[str, str], Entity]:
    """Entities by name. Of JSON Schemas names are unique in a file only, so those of files that both have."""
    if catalogue.format is not Format.JSON_SCHEMA:
        return {("", entity.name): entity for entity in catalogue.entities}
    shared = {file.path for file in other.files}
    return {(entity.file, entity.name): entity for entity in catalogue.entities if entity.file in shared}


def _entity(category: Category, action: Action, entity: Entity) -> Change:
    text = f"The {entity.kind} {entity.name} was {action}."
    return Change(category, action, f"{entity.kind}_{action}", entity.name, text, entity.file, entity.line)


def _of_entity(format_: Format, old: Entity, new: Entity) -> Iterator[Change]:
    yield from _of_words(old, new, new.name, new)
    before, after = _fields(format_, old), _fields(format_, new)
    for key, field in after.items():
        element = element_of(format_, new, field)
        if key not in before:
            text = f"The {_noun(field)} {element} was added."
            rule = f"{_noun(field)}_added"
            yield Change(Category.ADDITION, Action.ADDED, rule, element, text, new.file, field.line)
        else:
            yield from _of_words(before[key], field, element, new)
            yield from _of_field(before[key], field, element, new.file)
    for key, field in before.items():
        if key not in after:
            element = element_of(format_, old, field)
            text = f"The {_noun(field)} {element} was removed."
            rule = f"{_noun(field)}_removed"
            yield Change(Category.COMPATIBLE, Action.REMOVED, rule, element, text, new.file, new.line)


def _fields(format_: Format, entity: Entity) -> Mapping[str | int, Field]:
    """The fields by what tells them apart: the number of a protobuf field, else the name."""
    is_numbered = format_ is Format.PROTOBUF and entity.kind in {Kind.MESSAGE, Kind.EXTENSION}
    return {field.number if is_numbered and field.number is not None else field.name: field for field in entity.fields}


def _noun(field: Field) -> str:
    return field.label if field.label in {"value", "method"} else "field"


def _of_words(old: Entity | Field, new: Entity | Field, element: str, entity: Entity) -> Iterator[Change]:
    """Changes of deprecation and documentation."""
    if old.is_deprecated != new.is_deprecated:
        rule = "deprecated" if new.is_deprecated else "deprecation_removed"
        text = f"{element} is {'deprecated now' if new.is_deprecated else 'not deprecated any more'}."
        yield Change(Category.DEPRECATION, Action.CHANGED, rule, element, text, entity.file, new.line)
    if old.documentation != new.documentation:
        word = "changed" if old.documentation and new.documentation else "added" if new.documentation else "removed"
        text = f"The documentation of {element} was {word}."
        yield Change(
            Category.DOCUMENTATION, Action.CHANGED, f"documentation_{word}", element, text, entity.file, new.line
        )


def _of_field(old: Field, new: Field, element: str, file: str) -> Iterator[Change]:
    """Other changes of a field; those that break something are known by the rules of the format."""
    for name, was, is_ in (
        ("type", old.type, new.type),
        ("label", old.label, new.label),
        ("default", old.default, new.default),
    ):
        if was != is_:
            text = f"The {name} of {element} is {is_ or 'none'}, before {was or 'none'}."
            yield Change(Category.COMPATIBLE, Action.CHANGED, f"{name}_changed", element, text, file, new.line)
