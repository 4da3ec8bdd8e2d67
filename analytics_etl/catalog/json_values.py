"""Values of jsonb columns as text in one form, so that equal values are equal texts.

The form has no insignificant blanks, keys sorted by code point, and characters as they are. A number is written without
an exponent and without zeros at its end: 1.50 as 1.5, 1e3 as 1000, all of its digits. PostgreSQL writes the same value
in another form (`as_postgres_writes`). Python's json module reads and writes, by its C code where no number needs care.
"""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

DEEPEST = 100
"""Levels of a value, at most."""
LONGEST_NUMBER = 1_000
"""Characters of a number without exponent, at most: 1e400 has 401."""

_WRITE = json.JSONEncoder(ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")).encode
_TEXT = json.JSONEncoder(ensure_ascii=False).encode
_READ = json.JSONDecoder().decode


class JsonError(ValueError):
    """A text that is no value of a jsonb column; the message says why."""


class _Number(str):
    """A number as it is to be written."""

    __slots__ = ()


class Reader:
    """Reads one text. `has_fractions` says whether any number in it had a fraction, an exponent or many digits."""

    def __init__(self) -> None:
        self.has_fractions = False

    def read(self, text: str, of_pairs: Callable[[list[tuple[str, Any]]], Any] | None = None) -> Any:
        """The value; raise JsonError if it is no JSON, or none that PostgreSQL can store.

        `of_pairs` makes an object of keys and values; without it, a key that occurs twice is an error.
        """
        try:
            found = json.loads(
                text, parse_float=self._fraction, parse_int=self._integer, parse_constant=_no_constant,
                object_pairs_hook=of_pairs or _object,
            )  # fmt: skip
        except JsonError:
            raise
        except RecursionError as error:
            raise JsonError(f"is nested more than {DEEPEST} levels deep") from error
        except ValueError as error:
            raise JsonError("is no JSON") from error
        if text.count("{") + text.count("[") > DEEPEST and of_pairs is None and _depth(found) > DEEPEST:
            raise JsonError(f"is nested more than {DEEPEST} levels deep")
        return found

    def _integer(self, digits: str) -> int | _Number:
        if len(digits) < 16:  # noqa: PLR2004 - of a double
            return int(digits)
        return self._fraction(digits)

    def _fraction(self, digits: str) -> _Number:
        self.has_fractions = True
        try:
            number = Decimal(digits)
        except ArithmeticError as error:  # an exponent of many digits
            raise JsonError(f"has a number of more than {LONGEST_NUMBER:,} digits") from error
        if abs(number.adjusted()) + len(digits) > LONGEST_NUMBER:
            raise JsonError(f"has a number of more than {LONGEST_NUMBER:,} digits")
        plain = format(number, "f")
        if "." in plain:
            plain = plain.rstrip("0").rstrip(".")
        return _Number("0" if plain in ("-0", "") else plain)


def flat(text: str) -> str | None:
    """An object of texts in the one form; None for anything else, and for one with blanks, escapes or a key twice.

    Nearly all values are such objects, and there is no number in them that needs care.
    """
    if "\\" in text:
        return None
    try:
        found = _READ(text)
        # Of each pair: four quotes, a colon and a comma, or the braces. Blanks and a key that came twice are more.
        size = len("".join(found)) + len("".join(found.values())) + 6 * len(found) + 1
    except (ValueError, TypeError, AttributeError, RecursionError):  # no JSON, no object, or a value that is no text
        return None
    if size != len(text) or not text.isascii():
        return None
    keys = sorted(found)
    if list(found) == keys:
        return text
    return "{" + ",".join([f'"{key}":"{found[key]}"' for key in keys]) + "}"


def canonical(text: str) -> str:
    """A JSON text in the one form; raise JsonError for what is no JSON, or none that PostgreSQL can store."""
    if (found := flat(text)) is not None:
        return found
    reader = Reader()
    return written(reader.read(text), has_fractions=reader.has_fractions)


def written(value: Any, *, has_fractions: bool = True) -> str:
    """A value that a `Reader` has read, in the one form; raise JsonError for NUL and lone surrogates."""
    text = _with_numbers(value) if has_fractions else _WRITE(value)
    if "\\u0000" in text and _has_nul(value):
        raise JsonError("holds a NUL byte, which text must not")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise JsonError("holds half of a surrogate pair, which is no character") from error
    return text


def as_postgres_writes(text: str) -> str:
    """A text in the one form as PostgreSQL writes the value: blanks after : and , and short keys first."""
    return _as_postgres(json.loads(text, parse_float=_Number, parse_int=_Number))


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise JsonError(f"has the key {_TEXT(twice[:100])} more than once in an object")
    return found


def _no_constant(name: str) -> Any:
    raise JsonError(f"has {name}, which is no JSON")


def _depth(value: Any) -> int:
    """Levels of a value; counting ends above DEEPEST."""
    level, depth = [value], 0
    while depth <= DEEPEST:
        level = [
            inner
            for item in level
            if isinstance(item, dict | list)
            for inner in (item.values() if isinstance(item, dict) else item)
        ]
        depth += 1
        if not level:
            break
    return depth


def _has_nul(value: Any) -> bool:
    if isinstance(value, dict):
        return any("\0" in key or _has_nul(item) for key, item in value.items())
    if isinstance(value, list):
        return any(map(_has_nul, value))
    return isinstance(value, str) and "\0" in value


def _with_numbers(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ",".join(f"{_TEXT(key)}:{_with_numbers(value[key])}" for key in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_with_numbers, value)) + "]"
    return str(value) if isinstance(value, _Number) else _TEXT(value)


def _as_postgres(value: Any) -> str:
    if isinstance(value, dict):
        keys = sorted(value, key=lambda key: (len(key.encode()), key.encode()))
        return "{" + ", ".join(f"{_TEXT(key)}: {_as_postgres(value[key])}" for key in keys) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_as_postgres, value)) + "]"
    return str(value) if isinstance(value, _Number) else _TEXT(value)
