"""Rules about fields that both versions have: the same number in the same message, or extensions of it."""

import struct
from collections.abc import Iterator

from google.protobuf.descriptor_pb2 import FieldDescriptorProto as Proto
from google.protobuf.descriptor_pb2 import FieldOptions
from google.protobuf.text_encoding import CUnescape  # type: ignore[import-not-found]

from analytics_etl.schemas.changes import Change
from analytics_etl.schemas.protobuf.elements import Field, Module, Path
from analytics_etl.schemas.protobuf.message_rules import names_by_number
from analytics_etl.schemas.protobuf.reading import label_of
from analytics_etl.schemas.protobuf.rules import changed
from analytics_etl.schemas.values import Label

_NAME, _TYPE, _TYPE_NAME, _DEFAULT, _OPTIONS, _JSON_NAME = (1,), (5,), (6,), (7,), (8,), (10,)
_CTYPE, _JSTYPE, _FEATURES = (*_OPTIONS, 1), (*_OPTIONS, 6), (*_OPTIONS, 21)
_UTF8 = (*_FEATURES, 4)
_CPP_STRING_TYPE, _JAVA_UTF8 = (*_FEATURES, 1000, 2), (*_FEATURES, 1001, 2)
_OF_FILE_JAVA_UTF8 = (8, 27)

_MESSAGES = {"message", "group"}
_NAMED = {"message", "group", "enum"}
_INTEGERS_64 = {"int64", "sint64", "uint64", "fixed64", "sfixed64"}
_KINDS = {number: name.removeprefix("TYPE_").lower() for name, number in Proto.Type.items()}

_SAME_ON_THE_WIRE = ("int32", "int64", "uint32", "uint64", "bool"), ("sint32", "sint64")
_SAME_FIXED = ("fixed32", "sfixed32"), ("fixed64", "sfixed64")
_SAME_IN_JSON = ("int32", "uint32"), ("int64", "uint64")


def _groups(*groups: tuple[str, ...]) -> dict[str, int]:
    """Kind -> a number that kinds share if one may become the other."""
    shared = {kind: number for number, group in enumerate(groups) for kind in group}
    return {kind: shared.get(kind, -number) for number, kind in _KINDS.items()}


_WIRE, _WIRE_AND_JSON = _groups(*_SAME_ON_THE_WIRE, *_SAME_FIXED), _groups(*_SAME_IN_JSON, *_SAME_FIXED)
_LABELS_ON_THE_WIRE = {Label.OPTIONAL: 1, Label.SINGULAR: 1, Label.REQUIRED: 2, Label.REPEATED: 3, Label.MAP: 3}
_LABELS_IN_JSON = {**_LABELS_ON_THE_WIRE, Label.MAP: 4}


def changes_of_fields(old: Module, new: Module) -> Iterator[Change]:
    """What is broken in fields and extensions of the same number."""
    for before, after in _pairs(old, new):
        yield from _names(before, after)
        yield from _types(before, after, old, new)
        yield from _labels(before, after)
        yield from _defaults(before, after, old, new)
        yield from _representations(before, after)


def _pairs(old: Module, new: Module) -> Iterator[tuple[Field, Field]]:
    for name, message in old.messages.items():
        if name in new.messages:
            fields = new.messages[name].fields
            yield from ((field, fields[number]) for number, field in message.fields.items() if number in fields)
    extensions = {(item.owner, item.descriptor.number): item for item in new.extensions}
    for item in old.extensions:
        if after := extensions.get((item.owner, item.descriptor.number)):
            yield item, after


def _changed(rule: str, field: Field, what: str, *places: Path) -> Change:
    """A change of a field, at the first of the given places below it, or else at the field."""
    below = [(*field.path, *place) for place in places]
    return changed(rule, field.name, _sentence(field, what), field.file, *below, field.path)


def _sentence(field: Field, what: str) -> str:
    kind = "extension" if field.is_extension else "field"
    return f'The {kind} {field.descriptor.number} "{field.descriptor.name}" {what}.'


def _names(before: Field, after: Field) -> Iterator[Change]:
    old, new = before.descriptor, after.descriptor
    was, is_ = (before.name, after.name) if after.is_extension else (old.name, new.name)
    if was != is_:
        yield _changed("FIELD_SAME_NAME", after, f'was called "{was}"', _NAME)
    if old.json_name != new.json_name and not after.is_extension:
        text = f'is called "{new.json_name}" in JSON, before "{old.json_name}"'
        yield _changed("FIELD_SAME_JSON_NAME", after, text, _JSON_NAME)


def kind_of(field: Field) -> str:
    """The kind of type; a message with delimiters around it is a group, whatever it is called."""
    kind = _KINDS[field.descriptor.type]
    is_in_map = field.is_map or field.is_in_map_entry
    if kind == "message" and field.features.message_encoding == "DELIMITED" and not is_in_map:
        return "group"
    return kind


def _types(before: Field, after: Field, old: Module, new: Module) -> Iterator[Change]:
    was, is_ = kind_of(before), kind_of(after)
    old_name, new_name = (field.descriptor.type_name.removeprefix(".") for field in (before, after))
    place = _TYPE_NAME if is_ in _NAMED else _TYPE
    text = f"has the type {new_name or is_}, before {old_name or was}"
    is_other = was in _NAMED and old_name != new_name
    if was != is_ or is_other:
        yield _changed("FIELD_SAME_TYPE", after, text, place)
    is_other = is_other and not (was == is_ == "enum" and _is_same_enum(old_name, new_name, old, new))
    if _WIRE[was] != _WIRE[is_]:
        if (was, is_) != ("string", "bytes"):
            yield _changed("FIELD_WIRE_COMPATIBLE_TYPE", after, text, place)
    elif is_other:
        yield _changed("FIELD_WIRE_COMPATIBLE_TYPE", after, text, place)
    if _WIRE_AND_JSON[was] != _WIRE_AND_JSON[is_] or is_other:
        yield _changed("FIELD_WIRE_JSON_COMPATIBLE_TYPE", after, text, place)


def _is_same_enum(old_name: str, new_name: str, old: Module, new: Module) -> bool:
    """Whether an enum was only moved: the same simple name, and no value is missing."""
    before, after = old.enums.get(old_name), new.enums.get(new_name)
    if before is None or after is None or before.descriptor.name != after.descriptor.name:
        return False
    names = names_by_number(after)
    return all(set(values) <= set(names.get(number, ())) for number, values in names_by_number(before).items())


def _labels(before: Field, after: Field) -> Iterator[Change]:
    if not (before.is_in_map_entry and after.is_in_map_entry):
        was, is_ = label_of(before), label_of(after)
        text = f"is {is_}, before {was}"
        if was is not is_:
            yield _changed("FIELD_SAME_CARDINALITY", after, text)
        if _LABELS_ON_THE_WIRE[was] != _LABELS_ON_THE_WIRE[is_]:
            yield _changed("FIELD_WIRE_COMPATIBLE_CARDINALITY", after, text)
        if _LABELS_IN_JSON[was] != _LABELS_IN_JSON[is_]:
            yield _changed("FIELD_WIRE_JSON_COMPATIBLE_CARDINALITY", after, text)
    if before.oneof != after.oneof and not after.is_extension:
        text = f"is in {_oneof(after)}, before in {_oneof(before)}"
        yield _changed("FIELD_SAME_ONEOF", after, text)


def _oneof(field: Field) -> str:
    return "no oneof" if field.oneof is None else f'the oneof "{field.oneof}"'


def _defaults(before: Field, after: Field, old: Module, new: Module) -> Iterator[Change]:
    if any(label_of(field) in {Label.REPEATED, Label.MAP} or kind_of(field) in _MESSAGES for field in (before, after)):
        return
    was, is_ = _default(before, old), _default(after, new)
    if not was and not is_:
        return
    if {kind_of(before), kind_of(after)} == {"float", "double"}:
        was, is_ = _single(was), _single(is_)
    is_same = was == is_ or (was != was and is_ != is_)  # noqa: PLR0124 - NaN
    if not is_same or isinstance(was, bytes) is not isinstance(is_, bytes):
        defaults = [field.descriptor.default_value or "none" for field in (after, before)]
        text = f"has the default {defaults[0]}, before {defaults[1]}"
        yield _changed("FIELD_SAME_DEFAULT", after, text, _DEFAULT)


def _default(field: Field, module: Module) -> float | bytes:
    """The default of a field as a number or bytes, also if it is not written."""
    kind, text = kind_of(field), field.descriptor.default_value
    if kind in {"string", "bytes"}:
        return bytes(CUnescape(text)) if kind == "bytes" else text.encode()
    if kind == "enum":
        enum = module.enums.get(field.descriptor.type_name.removeprefix("."))
        values = list(enum.descriptor.value) if enum else []
        named = [value for value in values if value.name == text] or values[:1]
        return named[0].number if named else 0
    if kind == "bool":
        return text == "true"
    return float(text or 0) if kind in {"float", "double"} else int(text or 0)


def _single(value: float | bytes) -> float | bytes:
    """A number in single precision, in which float and double are compared."""
    if isinstance(value, bytes) or abs(value) > _LARGEST_FLOAT:
        return value
    (single,) = struct.unpack("f", struct.pack("f", value))
    return float(single)


_LARGEST_FLOAT = 3.4028234663852886e38


def _representations(before: Field, after: Field) -> Iterator[Change]:
    """How generated code holds a value, and whether it checks that text is UTF-8."""
    was, is_ = kind_of(before), kind_of(after)
    old_jstype, jstype = before.descriptor.options.jstype, after.descriptor.options.jstype
    if {was, is_} <= _INTEGERS_64 and old_jstype != jstype:
        text = f"has the jstype {FieldOptions.JSType.Name(jstype)}"
        yield _changed("FIELD_SAME_JSTYPE", after, text, _JSTYPE)
    if {was, is_} <= {"string", "bytes"} and not (before.is_in_map_entry and after.is_in_map_entry):
        old_type, new_type = _cpp_type(before), _cpp_type(after)
        if old_type != new_type and (old_type, new_type) != ("STRING_PIECE", "STRING"):
            text = f"is a {new_type} in C++, before a {old_type}"
            yield _changed("FIELD_SAME_CPP_STRING_TYPE", after, text, _CTYPE, _CPP_STRING_TYPE)
    if was == is_ == "string":
        if _verifies_java(before) != _verifies_java(after):
            text = f"is {'' if _verifies_java(after) else 'not '}checked by Java to be UTF-8"
            places = _OF_FILE_JAVA_UTF8, (*after.path, *_JAVA_UTF8), after.path
            yield changed("FIELD_SAME_JAVA_UTF8_VALIDATION", after.name, _sentence(after, text), after.file, *places)
        if before.features.utf8_validation != after.features.utf8_validation:
            text = f"has the UTF-8 validation {after.features.utf8_validation}"
            yield _changed("FIELD_SAME_UTF8_VALIDATION", after, text, _UTF8)


def _cpp_type(field: Field) -> str:
    options = field.descriptor.options
    return FieldOptions.CType.Name(options.ctype) if options.HasField("ctype") else field.features.cpp_string_type


def _verifies_java(field: Field) -> bool:
    options = field.file.descriptor.options
    is_own = field.file.descriptor.syntax != "editions" or options.HasField("java_string_check_utf8")
    says_so = options.java_string_check_utf8 if is_own else field.features.is_java_verified
    return says_so or field.features.utf8_validation == "VERIFY"
