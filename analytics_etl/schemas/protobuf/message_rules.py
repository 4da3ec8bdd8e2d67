"""Rules about messages and enums that both versions have: what was removed from them, and their options."""

from collections.abc import Iterable, Iterator

from analytics_etl.schemas.changes import Change
from analytics_etl.schemas.protobuf.elements import Enum, Message, Module
from analytics_etl.schemas.protobuf.reading import label_of
from analytics_etl.schemas.protobuf.rules import changed, removed
from analytics_etl.schemas.values import Label

_OPTIONS, _NO_STANDARD_ACCESSOR = 7, 2
_VALUE, _VALUE_NUMBER = 2, 2
_MESSAGE_JSON_FORMAT = (7, 12, 6)
_ENUM_TYPE, _ENUM_JSON_FORMAT = (3, 7, 2), (3, 7, 6)
Span = tuple[int, int]
"""First and last number."""


def changes_of_messages(old: Module, new: Module) -> Iterator[Change]:
    """What is broken in messages of the same name."""
    for name, before in old.messages.items():
        if name in new.messages:
            after = new.messages[name]
            yield from _removed_fields(before, after)
            yield from _changed_required(before, after)
            yield from _changes_of_message(before, after)


def _removed_fields(before: Message, after: Message) -> Iterator[Change]:
    reserved_names = set(after.descriptor.reserved_name)
    reserved = [(item.start, item.end - 1) for item in after.descriptor.reserved_range]
    for number, field in before.fields.items():
        if number in after.fields:
            continue
        what = f'The field {number} "{field.descriptor.name}" was removed'
        yield removed("FIELD_NO_DELETE", field.name, f"{what}.", after.file, after.path)
        if not _holds(reserved, number):
            text = f"{what} and its number is not reserved."
            yield removed("FIELD_NO_DELETE_UNLESS_NUMBER_RESERVED", field.name, text, after.file, after.path)
        if field.descriptor.name not in reserved_names:
            text = f"{what} and its name is not reserved."
            yield removed("FIELD_NO_DELETE_UNLESS_NAME_RESERVED", field.name, text, after.file, after.path)


def _changed_required(before: Message, after: Message) -> Iterator[Change]:
    """Whoever does not know of a required field cannot read messages without it, or does not send it."""
    rule = "MESSAGE_SAME_REQUIRED_FIELDS"
    was = {number: field for number, field in before.fields.items() if label_of(field) is Label.REQUIRED}
    is_ = {number: field for number, field in after.fields.items() if label_of(field) is Label.REQUIRED}
    for number in sorted(was.keys() - is_.keys()):
        yield removed(rule, was[number].name, f"The field {number} is not required any more.", after.file, after.path)
    for number in sorted(is_.keys() - was.keys()):
        field = is_[number]
        yield changed(rule, field.name, f"The field {number} is required now.", after.file, field.path)


def _changes_of_message(before: Message, after: Message) -> Iterator[Change]:
    old, new, name = before.descriptor, after.descriptor, after.name
    file, path = after.file, after.path
    for gone in _missing(
        ((item.start, item.end - 1) for item in old.extension_range),
        [(item.start, item.end - 1) for item in new.extension_range],
    ):
        text = f"Extensions may not have the numbers {_text(gone)} any more."
        yield removed("EXTENSION_MESSAGE_NO_DELETE", name, text, file, path)
    rule = "RESERVED_MESSAGE_NO_DELETE"
    for gone in _missing(
        ((item.start, item.end - 1) for item in old.reserved_range),
        [(item.start, item.end - 1) for item in new.reserved_range],
    ):
        yield removed(rule, name, f"The numbers {_text(gone)} are not reserved any more.", file, path)
    for gone_name in sorted(set(old.reserved_name) - set(new.reserved_name)):
        yield removed(rule, name, f'The name "{gone_name}" is not reserved any more.', file, path)
    for oneof in sorted(_oneofs(before) - {oneof.name for oneof in new.oneof_decl}):
        yield removed("ONEOF_NO_DELETE", f"{name}.{oneof}", f'The oneof "{oneof}" was removed.', file, path)
    if new.options.no_standard_descriptor_accessor and not old.options.no_standard_descriptor_accessor:
        text = "The option no_standard_descriptor_accessor is true now."
        rule = "MESSAGE_NO_REMOVE_STANDARD_DESCRIPTOR_ACCESSOR"
        yield changed(rule, name, text, file, (*path, _OPTIONS, _NO_STANDARD_ACCESSOR), path)
    if before.features.json_format == "ALLOW" != after.features.json_format:
        places = (*path, *_MESSAGE_JSON_FORMAT), path
        yield changed("MESSAGE_SAME_JSON_FORMAT", name, "JSON is not supported any more.", file, *places)


def _oneofs(message: Message) -> set[str]:
    """The oneofs that somebody wrote."""
    return {field.oneof for field in message.fields.values() if field.oneof is not None}


def changes_of_enums(old: Module, new: Module) -> Iterator[Change]:
    """What is broken in enums of the same name."""
    for name, before in old.enums.items():
        if name in new.enums:
            yield from _changes_of_values(before, new.enums[name])
            yield from _changes_of_enum(before, new.enums[name])


def names_by_number(enum: Enum) -> dict[int, list[str]]:
    """The names of each number of an enum, in the order of the alphabet: aliases share a number."""
    found: dict[int, list[str]] = {}
    for value in sorted(enum.descriptor.value, key=lambda value: value.name):
        found.setdefault(value.number, []).append(value.name)
    return found


def _changes_of_values(before: Enum, after: Enum) -> Iterator[Change]:
    file, path = after.file, after.path
    reserved = [(item.start, item.end) for item in after.descriptor.reserved_range]
    was, is_ = names_by_number(before), names_by_number(after)
    for number, names in was.items():
        quoted = ", ".join(f'"{name}"' for name in names)
        element = f"{after.name}.{names[0]}"
        if number in is_:
            if not set(names) <= set(is_[number]):
                now = ", ".join(f'"{name}"' for name in is_[number])
                text = f"The value {number} changed its name from {quoted} to {now}."
                for place, value in enumerate(after.descriptor.value):
                    if value.number == number:
                        where = (*path, _VALUE, place, _VALUE_NUMBER)
                        yield changed("ENUM_VALUE_SAME_NAME", element, text, file, where)
            continue
        what = f"The value {number} {quoted} was removed"
        yield removed("ENUM_VALUE_NO_DELETE", element, f"{what}.", file, path)
        if not _holds(reserved, number):
            text = f"{what} and its number is not reserved."
            yield removed("ENUM_VALUE_NO_DELETE_UNLESS_NUMBER_RESERVED", element, text, file, path)
        if not set(names) <= set(after.descriptor.reserved_name):
            text = f"{what} and its name is not reserved."
            yield removed("ENUM_VALUE_NO_DELETE_UNLESS_NAME_RESERVED", element, text, file, path)


def _changes_of_enum(before: Enum, after: Enum) -> Iterator[Change]:
    file, path, name, rule = after.file, after.path, after.name, "RESERVED_ENUM_NO_DELETE"
    for gone in _missing(
        ((item.start, item.end) for item in before.descriptor.reserved_range),
        [(item.start, item.end) for item in after.descriptor.reserved_range],
    ):
        yield removed(rule, name, f"The numbers {_text(gone)} are not reserved any more.", file, path)
    for gone_name in sorted(set(before.descriptor.reserved_name) - set(after.descriptor.reserved_name)):
        yield removed(rule, name, f'The name "{gone_name}" is not reserved any more.', file, path)
    if before.features.enum_type != after.features.enum_type:
        text = f"The enum is {after.features.enum_type.lower()} now."
        yield changed("ENUM_SAME_TYPE", name, text, file, (*path, *_ENUM_TYPE), path)
    if before.features.json_format == "ALLOW" != after.features.json_format:
        places = (*path, *_ENUM_JSON_FORMAT), path
        yield changed("ENUM_SAME_JSON_FORMAT", name, "JSON is not supported any more.", file, *places)


def _holds(spans: Iterable[Span], number: int) -> bool:
    return any(first <= number <= last for first, last in spans)


def _missing(old: Iterable[Span], new: list[Span]) -> Iterator[Span]:
    """The old spans of which a number is in none of the new ones."""
    for first, last in old:
        next_ = first
        for start, end in sorted(new):
            if start <= next_:
                next_ = max(next_, end + 1)
        if next_ <= last:
            yield first, last


def _text(span: Span) -> str:
    first, last = span
    return str(first) if first == last else f"{first} to {last}"
