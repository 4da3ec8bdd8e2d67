"""Conversion of Parquet values to the types that all file formats share: text, and a few plain types.

A value that cannot be converted gives a problem, and its row is rejected.
"""

import json
from decimal import Decimal
from typing import Any
from uuid import UUID

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analytics_etl.landing.faults import FILE_FAULTS
from analytics_etl.landing.lines import LONGEST_LINE
from analytics_etl.landing.validation import EXPECTED

LONGEST_SHOWN = 1_000
"""Characters kept of a value that rejects its row."""

_INSTANT = pa.timestamp("us", "UTC")
_LAST_SECOND = 253_402_300_800
"""Start of the year 10000, in seconds since 1970."""
_UNITS = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}

Converted = tuple[pa.Array, pa.Array | None]
"""Values, and the problem of each row; None instead of problems when no row has one."""


def plain_type(kind: pa.DataType, wanted: str | None) -> pa.DataType:  # noqa: PLR0911 - one return for each type
    """The type that values of a Parquet column are converted to.

    `wanted` is the contract's type of the column, or None for a column that a source mapping reads.
    """
    kind = _stored(kind)
    if pa.types.is_timestamp(kind) and kind.tz is not None and wanted in ("timestamptz", None):
        return _INSTANT
    if wanted is None and pa.types.is_timestamp(kind):
        return pa.timestamp("us")
    if wanted is None and pa.types.is_date(kind):
        return pa.date32()
    if wanted in ("bigint", None) and pa.types.is_integer(kind) and kind != pa.uint64():
        return pa.int64()
    if wanted in ("boolean", None) and pa.types.is_boolean(kind):
        return pa.bool_()
    if wanted == "uuid" and (isinstance(kind, pa.UuidType) or kind == pa.binary(16)):
        return pa.uuid()
    return pa.string()


def converted(name: str, wanted: str | None, values: pa.Array) -> Converted:
    """The values of a column in their plain type, and their problems."""
    values = _unwrapped(values)
    try:
        return _short(name, *_converted(name, wanted, values))
    except FILE_FAULTS:  # one value is to blame: convert each by itself
        return _one_by_one(name, wanted, values)


def _converted(name: str, wanted: str | None, values: pa.Array) -> Converted:  # noqa: C901, PLR0911 - as many kinds
    kind = values.type
    plain = plain_type(kind, wanted)
    if pa.types.is_timestamp(plain):
        return _instants(name, values, plain)
    if plain == pa.uuid():
        stored = values.storage if isinstance(values, pa.ExtensionArray) else values
        return pa.ExtensionArray.from_storage(pa.uuid(), stored), None
    if plain != pa.string():
        return values.cast(plain), None
    if isinstance(kind, pa.UuidType):
        return _one_by_one(name, wanted, values)
    if pa.types.is_floating(kind):
        return _floats(name, wanted, values)
    if pa.types.is_decimal(kind):
        return _decimals(name, wanted, values)
    if _is_bytes(kind) and wanted == "uuid":  # 16 bytes, or a text
        return _one_by_one(name, wanted, values)
    if pa.types.is_fixed_size_binary(kind):
        values = values.cast(pa.binary())
    if _is_bytes(kind) or _is_text(kind):
        text = values.cast(pa.string())  # the cast checks bytes only, so text is validated too
        text.validate(full=True)
        return text, None
    if pa.types.is_integer(kind) or pa.types.is_boolean(kind) or pa.types.is_null(kind):
        return values.cast(pa.string()), None
    if pa.types.is_temporal(kind):
        text = values.cast(pa.string())
        if wanted == "text" or (wanted is not None and pa.types.is_duration(kind)):
            return text, _problems(name, EXPECTED[wanted], text, text.is_valid(), f" as a {kind}")
        return text, None
    return _one_by_one(name, wanted, values)


def _stored(kind: pa.DataType) -> pa.DataType:
    """The type of a column's values, without dictionary, run-end or extension types around it."""
    if pa.types.is_dictionary(kind) or pa.types.is_run_end_encoded(kind):
        return _stored(kind.value_type)
    if isinstance(kind, pa.BaseExtensionType) and not isinstance(kind, pa.UuidType):
        return _stored(kind.storage_type)
    return kind


def _unwrapped(values: pa.Array) -> pa.Array:
    if pa.types.is_dictionary(values.type):
        values.validate(full=True)  # an index may lie outside its dictionary
        return _unwrapped(values.dictionary_decode())
    if pa.types.is_run_end_encoded(values.type):
        return _unwrapped(pc.run_end_decode(values))
    if isinstance(values, pa.ExtensionArray) and not isinstance(values.type, pa.UuidType):
        return _unwrapped(values.storage)
    return values


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _is_bytes(kind: pa.DataType) -> bool:
    is_any = pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind)
    return bool(is_any or pa.types.is_fixed_size_binary(kind))


def _problems(name: str, expected: str, shown: pa.Array, is_wrong: pa.Array, why: str = "") -> pa.Array | None:
    """A problem for each wrong row; None when no row is wrong."""
    if not pc.any(is_wrong).as_py():
        return None
    texts = pc.binary_join_element_wise(
        f"{name}: expected {expected}, got ", pc.utf8_slice_codeunits(shown, 0, 100), why, ""
    )
    return pc.if_else(is_wrong.fill_null(fill_value=False), texts, pa.scalar(None, pa.string()))


def _instants(name: str, values: pa.Array, plain: pa.DataType) -> Converted:
    """Timestamps in microseconds. Further digits are cut off, as in text: rounding could give the next day."""
    per_second = _UNITS[values.type.unit]
    ticks = values.cast(pa.int64())
    numbers = ticks.fill_null(0).to_numpy()
    whole, rest = np.divmod(numbers, per_second)
    is_outside = (whole < 0) | (whole >= _LAST_SECOND)
    if is_outside.any():
        whole, rest = np.where(is_outside, 0, whole), np.where(is_outside, 0, rest)
        shown = pc.binary_join_element_wise(ticks.cast(pa.string()), f" {values.type.unit} since 1970", "")
        problems = _problems(
            name, "a time in the years 1970 to 9999", shown, pc.and_(ticks.is_valid(), pa.array(is_outside))
        )
    else:
        problems = None
    micros = whole * 1_000_000 + rest * 1_000_000 // per_second
    return pa.array(micros, pa.int64(), mask=ticks.is_null().to_numpy(zero_copy_only=False)).cast(plain), problems


def _floats(name: str, wanted: str | None, values: pa.Array) -> Converted:
    """Floats as text: whole numbers by their digits, NaN as NULL, since data frames write missing values as NaN.

    A text column takes whole numbers only: a 1.5 may have been written as 1.50.
    """
    exact_below = {pa.float16(): 2.0**11, pa.float32(): 2.0**24, pa.float64(): 2.0**53}[values.type]
    if values.type == pa.float16():
        values = values.cast(pa.float32())
    doubles = values.cast(pa.float64())
    nothing = pa.scalar(None, pa.float64())
    doubles = pc.if_else(pc.is_nan(doubles), nothing, doubles)
    is_integer = pc.equal(pc.floor(doubles), doubles)
    is_exact = pc.and_(is_integer, pc.less(pc.abs(doubles), exact_below))
    digits = pc.if_else(is_exact, doubles, nothing).cast(pa.int64()).cast(pa.string())
    shown = pc.if_else(doubles.is_valid(), values.cast(pa.string()), pa.scalar(None, pa.string()))
    texts = pc.coalesce(digits, shown)
    if wanted == "text":
        return texts, _problems(name, "text", shown, pc.invert(is_exact), ", a number whose digits are not known")
    if wanted == "bigint":
        is_rounded = pc.and_(pc.and_(is_integer, pc.is_finite(doubles)), pc.invert(is_exact))
        return texts, _problems(name, EXPECTED[wanted], shown, is_rounded, f", too large for {values.type} to be exact")
    return texts, None


def _decimals(name: str, wanted: str | None, values: pa.Array) -> Converted:
    """Decimals as text, 1001.00 as 1001. A text column takes whole numbers only: the scale adds zeros, as in 1.50."""
    shown = values.cast(pa.string())
    texts = pc.replace_substring_regex(shown, r"^(-?[0-9]+)\.0+$", r"\1")
    if wanted != "text":
        return texts, None
    is_whole = pc.match_substring_regex(texts, "^-?[0-9]+$")
    return texts, _problems(name, "text", shown, pc.invert(is_whole), ", a number whose digits are not known")


def _short(name: str, values: pa.Array, problems: pa.Array | None) -> Converted:
    """Cut values that are longer than a line may be, and give each of them a problem."""
    if values.type != pa.string() or values.nbytes <= LONGEST_LINE:
        return values, problems
    is_long = pc.greater(pc.binary_length(values), LONGEST_LINE).fill_null(fill_value=False)
    if not pc.any(is_long).as_py():
        return values, problems
    too_long = pc.if_else(is_long, f"{name}: is longer than {LONGEST_LINE:,} bytes", pa.scalar(None, pa.string()))
    values = pc.if_else(is_long, pc.utf8_slice_codeunits(values, 0, LONGEST_SHOWN), values)
    return values, too_long if problems is None else pc.coalesce(problems, too_long)


def _one_by_one(name: str, wanted: str | None, values: pa.Array) -> Converted:
    """Convert values one at a time. Slow, but one bad value does not stop the others."""
    plain = plain_type(values.type, wanted)
    if _is_text(values.type):
        values = values.cast(pa.binary_view() if pa.types.is_string_view(values.type) else pa.large_binary())
    texts: list[str | None] = []
    found: list[str | None] = []
    for position in range(len(values)):
        text, problem = _value(name, wanted, values[position])
        texts.append(text)
        found.append(problem)
    problems = pa.array(found, pa.string())
    if plain != pa.string():  # the vectorized way failed, so only a value out of range can be left
        is_given = pa.array([text is not None and problem is None for text, problem in zip(texts, found, strict=True)])
        unread = pc.coalesce(problems, pc.if_else(is_given, f"{name}: cannot be read", pa.scalar(None, pa.string())))
        return pa.nulls(len(values), plain), unread
    return _short(name, pa.array(texts, pa.string()), problems)


def _value(  # noqa: PLR0911 - one return for each kind
    name: str, wanted: str | None, value: pa.Scalar
) -> tuple[str | None, str | None]:
    """A value as text, and its problem."""
    if not value.is_valid:
        return None, None
    expected = EXPECTED[wanted or "text"]
    try:
        found = value.as_py()
        if isinstance(found, bytes):
            if wanted == "uuid" and len(found) == 16:  # noqa: PLR2004 - bytes of a UUID
                return str(UUID(bytes=found)), None
            return found.decode(), None
        if isinstance(found, str | UUID):
            return str(found), None
        if wanted == "jsonb":
            return _json_text(found, value.type), None
        shown = json.dumps(found, default=str, ensure_ascii=False)
    except UnicodeDecodeError as error:
        shown = error.object[:LONGEST_SHOWN].decode(errors="replace")
        return shown, f"{name}: expected {expected}, got bytes that are no valid UTF-8 at byte {error.start}"
    except FILE_FAULTS as error:
        return None, f"{name}: expected {expected}, got a {value.type} that cannot be read: {error}"
    if wanted == "text":
        return shown[:LONGEST_SHOWN], f"{name}: expected text, got {shown[:100]}"
    return shown, None


def _json_text(found: Any, kind: pa.DataType) -> str:
    """A nested value as JSON. A field of a struct that is NULL is left out: all rows have all fields."""
    kind = _stored(kind)
    if found is not None and pa.types.is_map(kind):
        pairs = [f"{_key(key)}:{_json_text(item, kind.item_type)}" for key, item in found]
        return "{" + ",".join(pairs) + "}"
    if found is not None and pa.types.is_struct(kind):
        fields = [f"{_key(f.name)}:{_json_text(found[f.name], f.type)}" for f in kind if found[f.name] is not None]
        return "{" + ",".join(fields) + "}"
    if isinstance(found, list):
        return "[" + ",".join(_json_text(item, kind.value_type) for item in found) + "]"
    return str(found) if isinstance(found, Decimal) else json.dumps(found, ensure_ascii=False)


def _key(key: Any) -> str:
    if not isinstance(key, str):
        raise TypeError(f"the key {key!r} is no text")
    return json.dumps(key, ensure_ascii=False)
