"""Values of OTLP as JSON: lists, whole numbers that may be texts, and attributes as labels."""

import json
import re
from typing import Any, TypeVar

from analytics_etl.landing.metric_formats.samples import SampleError

Json = dict[str, Any]
Item = TypeVar("Item")

_WHOLE = re.compile("-?[0-9]{1,40}")


def shown(value: Any) -> str:
    """A value as JSON, for a rejected row."""
    try:
        return json.dumps(value)
    except RecursionError:
        return "(nested too deeply to be shown)"


def objects(of: Json, key: str) -> list[Json]:
    """A list of objects; empty if it is left out."""
    found = of.get(key) or []
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise SampleError(f"{key}: expected a list of objects")
    return found


def needed(found: list[Item], why: str) -> list[Item]:
    """A list that must have something in it; `why` is the reason if it has not."""
    if not found:
        raise SampleError(why)
    return found


def object_of(of: Json, key: str) -> Json:
    """An object; empty if it is left out."""
    found = of.get(key) or {}
    if not isinstance(found, dict):
        raise SampleError(f"{key}: expected an object")
    return found


def text_of(of: Json, key: str) -> str:
    """A text that can be stored; empty if it is left out."""
    found = of.get(key) or ""
    try:
        if "\0" not in found:
            found.encode()
            return str(found)
    except (TypeError, AttributeError, UnicodeEncodeError):
        pass
    raise SampleError(f"{key}: expected text, got {shown(found)[:100]}")


def whole(value: Any, key: str) -> int:
    """A whole number, which JSON may have as a text; 0 if it is left out."""
    if value is None:
        return 0
    if isinstance(value, str) and _WHOLE.fullmatch(value):
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise SampleError(f"{key}: expected a whole number, got {shown(value)[:100]}")


def numbers(of: Json, key: str) -> list[Any]:
    """A list; empty if it is left out."""
    found = of.get(key) or []
    if not isinstance(found, list):
        raise SampleError(f"{key}: expected a list of numbers")
    return found


def attributes(of: Json, prefix: str = "") -> dict[str, str]:
    """Attributes as labels; lists and maps as JSON."""
    found: dict[str, str] = {}
    for attribute in objects(of, "attributes"):
        value = _plain(attribute.get("value"))
        found[prefix + text_of(attribute, "key")] = value if isinstance(value, str) else json.dumps(value)
    return found


def _plain(value: Any) -> Any:
    """The value of an AnyValue; empty if it has none."""
    if not isinstance(value, dict) or len(value) > 1:
        raise SampleError("attributes: expected values like {stringValue: text}")
    for kind, content in value.items():
        if kind == "intValue":
            return whole(content, kind)
        if kind == "arrayValue":
            return [_plain(item) for item in objects(content if isinstance(content, dict) else {}, "values")]
        if kind == "kvlistValue":
            pairs = objects(content if isinstance(content, dict) else {}, "values")
            return {text_of(pair, "key"): _plain(pair.get("value")) for pair in pairs}
        if kind in ("stringValue", "bytesValue") and isinstance(content, str):
            return content
        if (kind == "boolValue" and isinstance(content, bool)) or (
            kind == "doubleValue" and isinstance(content, int | float | str) and not isinstance(content, bool)
        ):
            return content
        raise SampleError(f"attributes: cannot read {kind[:100]}")
    return ""
