"""What a syntax or edition means for an element: features, as editions call them, resolved from the file downwards."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from google.protobuf.descriptor_pb2 import (
    Edition,
    EnumOptions,
    EnumValueOptions,
    FeatureSet,
    FieldOptions,
    FileDescriptorProto,
    FileOptions,
    MessageOptions,
    MethodOptions,
    OneofOptions,
    ServiceOptions,
)
from google.protobuf.empty_pb2 import Empty
from google.protobuf.unknown_fields import UnknownFieldSet  # type: ignore[import-not-found]

Options = (
    FileOptions
    | MessageOptions
    | FieldOptions
    | OneofOptions
    | EnumOptions
    | EnumValueOptions
    | ServiceOptions
    | MethodOptions
)

_CPP, _JAVA = 1000, 1001
"""Numbers of the extensions (pb.cpp) and (pb.java) of FeatureSet."""
_OF_CPP_STRING_TYPE = _OF_JAVA_UTF8 = 2
"""Numbers of string_type in (pb.cpp) and of utf8_validation in (pb.java)."""
_CPP_STRING_TYPES = {1: "VIEW", 2: "CORD", 3: "STRING"}
_JAVA_VERIFIES = 2


@dataclass(frozen=True, slots=True)
class Features:
    """The features of an element, by the names of FeatureSet."""

    field_presence: str
    enum_type: str
    utf8_validation: str
    message_encoding: str
    json_format: str
    cpp_string_type: str = "STRING"
    is_java_verified: bool = False

    def below(self, options: Options) -> "Features":
        """The features of an element inside this one with options of its own."""
        if not options.HasField("features"):
            return self
        own = options.features
        stated = {field.name: value for field, value in own.ListFields() if field.name in _STANDARD}
        found: dict[str, Any] = {name: _STANDARD[name].Name(value) for name, value in stated.items()}
        return replace(self, **found, **_of_languages(own))


_STANDARD: Mapping[str, Any] = {
    "field_presence": FeatureSet.FieldPresence,
    "enum_type": FeatureSet.EnumType,
    "utf8_validation": FeatureSet.Utf8Validation,
    "message_encoding": FeatureSet.MessageEncoding,
    "json_format": FeatureSet.JsonFormat,
}
_PROTO2 = Features("EXPLICIT", "CLOSED", "NONE", "LENGTH_PREFIXED", "LEGACY_BEST_EFFORT")
_PROTO3 = Features("IMPLICIT", "OPEN", "VERIFY", "LENGTH_PREFIXED", "ALLOW")
_EDITION_2023 = replace(_PROTO3, field_presence="EXPLICIT")
_EDITION_2024 = replace(_EDITION_2023, cpp_string_type="VIEW")


def features_of_file(file: FileDescriptorProto) -> Features:
    """The features that hold in a file unless an element says otherwise."""
    if file.syntax == "editions":
        base = _EDITION_2023 if file.edition <= Edition.EDITION_2023 else _EDITION_2024
    else:
        base = _PROTO3 if file.syntax == "proto3" else _PROTO2
    return base.below(file.options)


def dialect_of(file: FileDescriptorProto) -> str:
    """proto2, proto3 or `edition 2023`."""
    if file.syntax == "editions":
        return "edition " + Edition.Name(file.edition).removeprefix("EDITION_").lower()
    return file.syntax or "proto2"


def _of_languages(own: FeatureSet) -> Mapping[str, Any]:
    """The features of C++ and Java, which are extensions of FeatureSet and so unknown fields here."""
    found: dict[str, Any] = {}
    for language in UnknownFieldSet(own):
        if language.field_number not in {_CPP, _JAVA} or not isinstance(language.data, bytes):
            continue
        for feature in UnknownFieldSet(Empty.FromString(language.data)):
            if (language.field_number, feature.field_number) == (_CPP, _OF_CPP_STRING_TYPE):
                found["cpp_string_type"] = _CPP_STRING_TYPES.get(int(feature.data), "STRING")
            elif (language.field_number, feature.field_number) == (_JAVA, _OF_JAVA_UTF8):
                found["is_java_verified"] = feature.data == _JAVA_VERIFIES
    return found
