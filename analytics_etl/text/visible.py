r"""Escaping texts of events, files and errors for display: no character hides or controls a terminal.

Characters of control, format, direction, line and surrogate categories become escapes like \x1b or \u202e. A byte of a
file name that is no UTF-8 becomes an escape like \xff. All else stays, backslashes included.
"""

import unicodedata

_HIDDEN = ("Cc", "Cf", "Cs", "Zl", "Zp")
"""Unicode categories of invisible characters: ESC and the C1 controls, bidirectional and zero-width characters."""
_BLANK = "\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0"
"""Invisible letters and marks."""
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_BYTES = range(0xDC80, 0xDD00)
"""Code points by which Python represents bytes of a file name that are no UTF-8."""


def visible(text: str, *, keep_lines: bool = False) -> str:
    """The text with hidden and control characters escaped; `keep_lines` keeps line breaks."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        character if (keep_lines and character == "\n") or not _is_hidden(character) else _escaped(character)
        for character in text
    )


def cut(text: str, length: int) -> str:
    """A text without its middle if it is longer than `length`: the end often says what was expected."""
    if len(text) <= length:
        return text
    half = length // 2
    return f"{text[:half]} … {len(text) - 2 * half:,} more characters … {text[-half:]}"


def _is_hidden(character: str) -> bool:
    return unicodedata.category(character) in _HIDDEN or character in _BLANK


def _escaped(character: str) -> str:
    code = ord(character)
    if character in _SHORT:
        return _SHORT[character]
    if code in _BYTES:
        return f"\\x{code - 0xDC00:02x}"
    return character.encode("unicode_escape", "surrogatepass").decode()
