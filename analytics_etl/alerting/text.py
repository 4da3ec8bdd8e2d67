"""Words from events and errors made harmless: no control characters, no links, nothing private, nothing long."""

import json
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any

PRIVATE_COLUMNS = ("ip_address", "user_agent", "content")
"""Never in a message. `content` is a rejected row as it stands in its file, which may hold the other two."""

WITHHELD = "(withheld)"
CELL_LENGTH = 120
ERROR_LENGTH = 1000


def harmless(text: str, length: int = ERROR_LENGTH, *, keep_lines: bool = False) -> str:
    """Text without control, format and invisible characters; what looks like a link cannot be clicked."""
    kept = "".join(
        character
        if (keep_lines and character == "\n") or unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Zl", "Zp")
        else " "
        for character in text
    ).replace("://", "[:]//")
    return kept if len(kept) <= length else kept[: length - 1] + "…"


def error_text(text: str) -> str:
    """What an exception says, without the rows that PostgreSQL quotes in its DETAIL."""
    said = text.split("\nDETAIL:", maxsplit=1)[0].split("\nCONTEXT:", maxsplit=1)[0].strip()
    return harmless(said, keep_lines=True)


def row_text(row: Mapping[str, Any]) -> str:
    """A sample row on one line, private columns left out."""
    return ", ".join(
        f"{harmless(name, CELL_LENGTH)}={_cell(value)}" for name, value in row.items() if name not in PRIVATE_COLUMNS
    )


def _cell(value: object) -> str:
    shown = value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)
    if any(name in shown for name in PRIVATE_COLUMNS[:2]):
        return WITHHELD  # a reason or a nested value that quotes one of them
    return json.dumps(harmless(shown, CELL_LENGTH), ensure_ascii=False) if isinstance(value, str) else harmless(shown)


def redacted(text: str, secrets: Iterable[str]) -> str:
    """Text with every secret in it replaced."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, "***")
    return text
