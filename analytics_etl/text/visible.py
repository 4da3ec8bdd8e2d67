r"""Texts of events, files and errors as people may see them: what acts on a terminal or hides is written out.

A character that is no sign of its own (control, format, direction, line, surrogate) becomes its escape, like \x1b or
\u202e; the byte of a file name that is no UTF-8 becomes \xff. All else stays as it is stored, backslashes included.
"""

import unicodedata

_HIDDEN = ("Cc", "Cf", "Cs", "Zl", "Zp")
"""Categories of Unicode that draw nothing and may act: ESC and the C1 controls, bidirectional and zero-width ones."""
_BLANK = "\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0"
"""Letters and marks that draw nothing."""
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_BYTES = range(0xDC80, 0xDD00)
"""How Python writes a byte of a file name that is no UTF-8."""


def visible(text: str, *, keep_lines: bool = False) -> str:
    """The text on one line, or on its own lines if told so, without a character that acts or hides."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        character if (keep_lines and character == "\n") or not _is_hidden(character) else _escaped(character)
        for character in text
    )


def cut(text: str, length: int) -> str:
    """A text that is too long without its middle: what was expected often stands at its end."""
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
