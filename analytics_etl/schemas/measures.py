"""Raw numbers of a version that its health is computed from. Not here: what is a good number (`health`)."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from analytics_etl.schemas.elements import element_of
from analytics_etl.schemas.values import Catalogue, Entity, Format, Kind, Label

_OF_DATA = {Kind.MESSAGE, Kind.RECORD, Kind.OBJECT}


@dataclass(frozen=True)
class Measures:
    """What can be counted in a catalogue."""

    entities: int
    fields_per_entity: float
    """Mean over messages, records and objects."""
    nesting: int
    """Entities around the innermost one."""
    largest_entity: int
    """Fields of the largest entity."""
    elements: int
    """Entities and their fields."""
    documented_ratio: float | None
    """Documented elements per element; of Avro and JSON Schema without values of enums, which cannot have a text."""
    named_ratio: float | None
    """Names in the style of the format, per name; None if nothing has a name that style is about."""
    import_depth: int
    """Steps of the longest way from a file to what it needs, each file visited once."""
    deprecated: tuple[str, ...]


def measures_of(catalogue: Catalogue) -> Measures:
    """Count what is in a catalogue."""
    entities = catalogue.entities
    sizes = [len(entity.fields) for entity in entities if entity.kind in _OF_DATA]
    texts = [bool(text) for text in _documentation(catalogue)]
    return Measures(
        entities=len(entities),
        fields_per_entity=sum(sizes) / len(sizes) if sizes else 0,
        nesting=max((entity.depth for entity in entities), default=0),
        largest_entity=max((len(entity.fields) for entity in entities), default=0),
        elements=sum(1 + len(entity.fields) for entity in entities),
        documented_ratio=sum(texts) / len(texts) if texts else None,
        named_ratio=_named_ratio(catalogue),
        import_depth=_import_depth(catalogue),
        deprecated=tuple(_deprecated(catalogue)),
    )


def _documentation(catalogue: Catalogue) -> Iterator[str]:
    can_document_values = catalogue.format is Format.PROTOBUF
    for entity in catalogue.entities:
        if entity.kind is not Kind.EXTENSION:
            yield entity.documentation
        for field in entity.fields:
            if can_document_values or field.label is not Label.VALUE:
                yield field.documentation


def _deprecated(catalogue: Catalogue) -> Iterator[str]:
    for entity in catalogue.entities:
        if entity.is_deprecated:
            yield entity.name
        for field in entity.fields:
            if field.is_deprecated:
                yield element_of(catalogue.format, entity, field)


def _import_depth(catalogue: Catalogue) -> int:
    imports: dict[str, set[str]] = {}
    for item in catalogue.imports:
        imports.setdefault(item.file, set()).add(item.target)
    return max((_depth(file.path, imports) for file in catalogue.files), default=0)


def _depth(path: str, imports: dict[str, set[str]]) -> int:
    seen, layer, depth = {path}, {path}, 0
    while layer := {target for item in layer for target in imports.get(item, ())} - seen:
        seen |= layer
        depth += 1
    return depth


# -- names ------------------------------------------------------------------------------------------------------------


def _named_ratio(catalogue: Catalogue) -> float | None:
    if catalogue.format is Format.PROTOBUF:
        fits = list(_protobuf_names(catalogue))
        return sum(fits) / len(fits) if fits else None
    styles = Counter(style for name in _field_names(catalogue.entities) if (style := _style(name)))
    return styles.most_common(1)[0][1] / styles.total() if styles else None


def _protobuf_names(catalogue: Catalogue) -> Iterator[bool]:
    """Whether each name is as protobuf's style guide wants it: TypeName, MethodName, field_name, VALUE_NAME."""
    for entity in catalogue.entities:
        if entity.kind is not Kind.EXTENSION:
            yield _is_title(entity.name.rpartition(".")[2])
        for field in entity.fields:
            name = field.name.rpartition(".")[2]
            if field.label is Label.METHOD:
                yield _is_title(name)
            elif field.label is Label.VALUE:
                yield name == name.upper()
            else:
                yield name == name.lower()


def _is_title(name: str) -> bool:
    return name[:1].isupper() and "_" not in name


def _field_names(entities: tuple[Entity, ...]) -> Iterator[str]:
    """Names of fields: Avro and JSON Schema have no style guide, so one style should hold throughout a version."""
    for entity in entities:
        yield from (field.name for field in entity.fields if field.label is not Label.VALUE)


def _style(name: str) -> str | None:
    """The style of a name; None of a name that fits several, like `id`."""
    if name.islower():
        return "snake_case" if "_" in name else "kebab-case" if "-" in name else None
    if name.isupper():
        return "UPPER_CASE"
    if "_" in name or "-" in name:
        return "mixed"
    return "PascalCase" if name[:1].isupper() else "camelCase"
