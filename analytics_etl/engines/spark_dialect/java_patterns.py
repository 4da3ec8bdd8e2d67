r"""Regular expressions of PostgreSQL as Java has them, for Spark. Pure text.

What Java would read otherwise is written anew, or refused: `$` also matches before a last line break, `.` does not
match one, `[` opens a class within a class, `\d` and `\w` know other characters.

One difference is left to whoever writes a pattern: PostgreSQL takes the longest alternative, Java, like DuckDB, the
first that fits. Patterns have the longest first.
"""

import re
from collections.abc import Iterator

_PLAIN_ESCAPES = frozenset("tnrf")
"""Letters that mean the same after a backslash in both."""
_REPETITION = re.compile(r"\{\d+(?:,\d*)?\}")
_ANY = ".*"


class PatternError(ValueError):
    """A pattern or replacement that has no equal in Java; the message says which part."""


def java_pattern(pattern: str) -> str:
    """The pattern that finds in Java what PostgreSQL finds."""
    return "(?s)" + "".join(_parts(pattern.removeprefix("(?s)")))


def java_test(pattern: str) -> str:
    """The pattern for a test whether a text matches anywhere.

    `.*` at either end says nothing then, but makes Java try each position with each other one.
    """
    bare = pattern.removeprefix("(?s)")
    if not _has_top_level_choice(bare):
        bare = bare.removeprefix(_ANY)
        if bare.endswith(_ANY) and not bare.endswith("\\" + _ANY):
            bare = bare.removesuffix(_ANY)
    return java_pattern(bare)


def java_replacement(text: str) -> str:
    r"""The replacement for Java: `\1` is `$1`, and a `$` is a character."""
    found = []
    position = 0
    while position < len(text):
        char, after = text[position], text[position + 1 : position + 2]
        if char == "$":
            found.append(r"\$")
        elif char != "\\":
            # A digit behind a group would be read as a part of its number.
            is_behind_group = char.isdigit() and found and re.fullmatch(r"\$\d", found[-1])
            found.append("\\" + char if is_behind_group else char)
        elif after.isdigit() and after != "0":
            found.append(f"${after}")
        elif after == "&":
            found.append("$0")
        elif after == "\\":
            found.append(r"\\")
        else:
            raise PatternError(f"the replacement {text!r} has a backslash that names no group")
        position += 2 if char == "\\" else 1
    return "".join(found)


def _parts(pattern: str) -> Iterator[str]:
    """The parts of a pattern as Java has them."""
    position = 0
    is_repeated = False
    while position < len(pattern):
        char = pattern[position]
        if char == "[":
            part, length = _bracket(pattern, position)
        elif char == "\\":
            part, length = _escape(pattern, position)
        elif char == "(":
            part = "(?:" if pattern.startswith("(?:", position) else "("
            length = len(part)
            if pattern.startswith("?", position + length):
                raise PatternError(f"the pattern {pattern!r} has a group other than (…) and (?:…)")
        elif char == "{":
            found = _REPETITION.match(pattern, position)
            if not found:
                raise PatternError(f"the pattern {pattern!r} has a {{ that is no repetition; write \\{{")
            part, length = found[0], len(found[0])
        else:
            part, length = (r"\z" if char == "$" else char), 1
        repeats = char in "*+?{"
        if repeats and is_repeated:
            raise PatternError(f"the pattern {pattern!r} has a repetition that is not greedy")
        is_repeated = repeats
        position += length
        yield part


def _escape(pattern: str, position: int) -> tuple[str, int]:
    """A character behind a backslash."""
    char = pattern[position + 1 : position + 2]
    if not char or (char.isalnum() and char not in _PLAIN_ESCAPES):
        raise PatternError(f"the pattern {pattern!r} has \\{char}, which engines read differently")
    return f"\\{char}", 2


def _bracket(pattern: str, start: int) -> tuple[str, int]:
    """A set of characters: its text for Java, and its length."""
    position = start + 1
    parts = ["["]
    if pattern.startswith("^", position):
        parts.append("^")
        position += 1
    first = position
    while position < len(pattern):
        char = pattern[position]
        if char == "]" and position > first:
            return "".join([*parts, "]"]), position + 1 - start
        length = 1
        if char == "\\":
            part, length = _escape(pattern, position)
        elif char == "[" and pattern[position + 1 : position + 2] in (":", ".", "="):
            raise PatternError(f"the pattern {pattern!r} has a named class of characters")
        else:
            part = f"\\{char}" if char in "[]&" else char
        parts.append(part)
        position += length
    raise PatternError(f"the pattern {pattern!r} has a [ without its ]")


def _has_top_level_choice(pattern: str) -> bool:
    """Whether a `|` stands outside of all groups and sets."""
    depth = 0
    for part in _parts(pattern):
        depth += {"(": 1, "(?:": 1, ")": -1}.get(part, 0)
        if part == "|" and depth == 0:
            return True
    return False
