"""Names of landing files in the ledger, in messages and in SQL: printable, short and unique. Not here: the files."""

import hashlib
import os
import re

LONGEST_PATH = 2_000
"""Bytes. The ledger's keys hold table, path and day, and PostgreSQL allows 2,700 bytes in a key."""

_SHOWN = 200
"""Characters kept of a longer path."""

UNPRINTABLE = "\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff"
"""Control characters, Unicode line ends, characters that change the direction of text, and (as surrogates) bytes that
are no UTF-8.
"""
_UNPRINTABLE = re.compile(f"[{UNPRINTABLE}]")
# A backslash before something that looks like an escape is doubled, so that different paths get different names.
_TO_ESCAPE = re.compile(rf"[{UNPRINTABLE}]|\\(?=[\\xu…{UNPRINTABLE}])")


def ledger_path(path: str) -> tuple[str, str | None]:
    r"""The ledger's name of a path below the landing folder, and the path's problem; nearly all keep their name, and
    None is the problem. Bytes that are no UTF-8 come from `os.fsdecode` as surrogates and are written like `\xe9`.
    """
    size = len(os.fsencode(path))
    name = _TO_ESCAPE.sub(_escape, path) if "\\" in path or _UNPRINTABLE.search(path) else path
    if size > LONGEST_PATH or len(name.encode()) > LONGEST_PATH:
        digest = hashlib.sha256(os.fsencode(path)).hexdigest()[:32]
        shown = name[:_SHOWN].rstrip("\\")
        return f"{shown}\\…{digest}", f"has a path of {size:,} bytes; give it one of at most {LONGEST_PATH:,}"
    if _UNPRINTABLE.search(path):
        return name, "has control characters, or bytes that are no UTF-8, in its path (written like \\x0a); rename it"
    return name, None


def _escape(found: re.Match[str]) -> str:
    character = found[0]
    if character == "\\":
        return "\\\\"
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # noqa: PLR2004 - a byte as os.fsdecode gives it
        code -= 0xDC00
    # Bytes 0x80 to 0x9f are written like \x80, so the control characters with these numbers are written like \u0080.
    is_byte = code < 0x80 or code != ord(character)  # noqa: PLR2004 - ASCII
    return f"\\x{code:02x}" if is_byte else f"\\u{code:04x}"
