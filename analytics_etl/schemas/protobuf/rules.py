"""The rules for breaking changes of protobuf, by the ids and in the categories that Buf gives them."""

from analytics_etl.schemas.changes import Action, Category, Change
from analytics_etl.schemas.protobuf.elements import Path, SourceFile

_ALL = ("FILE", "PACKAGE", "WIRE_JSON", "WIRE")
_SOURCE = ("FILE", "PACKAGE")
_JSON_TOO = ("FILE", "PACKAGE", "WIRE_JSON")
_FILE_OPTIONS = (
    *("CC_ENABLE_ARENAS", "CC_GENERIC_SERVICES", "CSHARP_NAMESPACE", "GO_PACKAGE", "JAVA_GENERIC_SERVICES"),
    *("JAVA_MULTIPLE_FILES", "JAVA_OUTER_CLASSNAME", "JAVA_PACKAGE", "OBJC_CLASS_PREFIX", "OPTIMIZE_FOR"),
    *("PHP_CLASS_PREFIX", "PHP_METADATA_NAMESPACE", "PHP_NAMESPACE", "PY_GENERIC_SERVICES", "RUBY_PACKAGE"),
    "SWIFT_PREFIX",
)

RULES: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(
        (
            *("ENUM_NO_DELETE", "EXTENSION_NO_DELETE", "FILE_NO_DELETE", "MESSAGE_NO_DELETE"),
            "SERVICE_NO_DELETE",
        ),
        ("FILE",),
    ),
    **dict.fromkeys(
        (
            *("PACKAGE_ENUM_NO_DELETE", "PACKAGE_EXTENSION_NO_DELETE", "PACKAGE_MESSAGE_NO_DELETE"),
            *("PACKAGE_NO_DELETE", "PACKAGE_SERVICE_NO_DELETE"),
        ),
        ("PACKAGE",),
    ),
    **dict.fromkeys(
        (
            *("ENUM_SAME_TYPE", "ENUM_VALUE_NO_DELETE", "EXTENSION_MESSAGE_NO_DELETE", "FIELD_NO_DELETE"),
            *("FIELD_SAME_CARDINALITY", "FIELD_SAME_CPP_STRING_TYPE", "FIELD_SAME_JAVA_UTF8_VALIDATION"),
            *("FIELD_SAME_JSTYPE", "FIELD_SAME_TYPE", "FIELD_SAME_UTF8_VALIDATION", "FILE_SAME_SYNTAX"),
            *("MESSAGE_NO_REMOVE_STANDARD_DESCRIPTOR_ACCESSOR", "ONEOF_NO_DELETE", "RPC_NO_DELETE"),
            *(f"FILE_SAME_{option}" for option in _FILE_OPTIONS),
        ),
        _SOURCE,
    ),
    **dict.fromkeys(
        (
            *("ENUM_SAME_JSON_FORMAT", "ENUM_VALUE_SAME_NAME", "FIELD_SAME_JSON_NAME", "FIELD_SAME_NAME"),
            "MESSAGE_SAME_JSON_FORMAT",
        ),
        _JSON_TOO,
    ),
    **dict.fromkeys(
        (
            *("FIELD_SAME_DEFAULT", "FIELD_SAME_ONEOF", "FILE_SAME_PACKAGE", "MESSAGE_SAME_REQUIRED_FIELDS"),
            *("RESERVED_ENUM_NO_DELETE", "RESERVED_MESSAGE_NO_DELETE", "RPC_SAME_CLIENT_STREAMING"),
            *("RPC_SAME_IDEMPOTENCY_LEVEL", "RPC_SAME_REQUEST_TYPE", "RPC_SAME_RESPONSE_TYPE"),
            "RPC_SAME_SERVER_STREAMING",
        ),
        _ALL,
    ),
    **dict.fromkeys(
        (
            *("ENUM_VALUE_NO_DELETE_UNLESS_NAME_RESERVED", "FIELD_NO_DELETE_UNLESS_NAME_RESERVED"),
            *("FIELD_WIRE_JSON_COMPATIBLE_CARDINALITY", "FIELD_WIRE_JSON_COMPATIBLE_TYPE"),
        ),
        ("WIRE_JSON",),
    ),
    **dict.fromkeys(
        ("ENUM_VALUE_NO_DELETE_UNLESS_NUMBER_RESERVED", "FIELD_NO_DELETE_UNLESS_NUMBER_RESERVED"),
        ("WIRE_JSON", "WIRE"),
    ),
    **dict.fromkeys(("FIELD_WIRE_COMPATIBLE_CARDINALITY", "FIELD_WIRE_COMPATIBLE_TYPE"), ("WIRE",)),
}
"""Rule -> the categories of Buf that it belongs to."""


def removed(rule: str, element: str, message: str, file: SourceFile | None, *places: Path) -> Change:
    """An element that is gone; its place is the one of what is left around it."""
    return _broken(rule, Action.REMOVED, element, message, file, places)


def changed(rule: str, element: str, message: str, file: SourceFile, *places: Path) -> Change:
    """An element that is not what it was; its place is the first of the given ones that is in the source."""
    return _broken(rule, Action.CHANGED, element, message, file, places)


def _broken(
    rule: str, action: Action, element: str, message: str, file: SourceFile | None, places: tuple[Path, ...]
) -> Change:
    sets = RULES[rule]
    is_wire = "WIRE" in sets or "WIRE_JSON" in sets
    return Change(
        Category.BREAKING_WIRE if is_wire else Category.BREAKING_SOURCE,
        action,
        rule,
        element,
        message,
        None if file is None else file.path,
        None if file is None else file.line(*places),
        sets,
    )
