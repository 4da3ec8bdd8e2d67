"""Makes text from events and errors harmless: no control characters, links, private values, or long passages."""

import json
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any

PRIVATE_COLUMNS = ("ip_address", "user_agent", "content")
"""Columns that messages never show. `content` is the line of a rejected row, which may hold the other two."""

WITHHELD = "(withheld)"
CELL_LENGTH = 120
ERROR_LENGTH = 1000


def harmless(text: str, length: int = ERROR_LENGTH, *, keep_lines: bool = False) -> str:
    """Text without control, format and invisible characters, with links that cannot be clicked, cut to `length`."""
    kept = "".join(
        character
        if (keep_lines and character == "\n") or unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Zl", "Zp")
        else " "
        for character in text
    ).replace("://", "[:]//")
    return kept if len(kept) <= length else kept[: length - 1] + "…"


def error_text(text: str) -> str:
    """The text of an error without DETAIL and CONTEXT, in which PostgreSQL quotes rows."""
    error = text.split("\nDETAIL:", maxsplit=1)[0].split("\nCONTEXT:", maxsplit=1)[0].strip()
    return harmless(error, keep_lines=True)


def row_text(row: Mapping[str, Any]) -> str:
    """A sample row on one line, without private columns."""
    return ", ".join(
        f"{harmless(name, CELL_LENGTH)}={_cell(value)}" for name, value in row.items() if name not in PRIVATE_COLUMNS
    )


def _cell(value: object) -> str:
    shown = value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)
    if any(name in shown for name in PRIVATE_COLUMNS[:2]):
        return WITHHELD  # a reason or nested value may quote a private column
    return json.dumps(harmless(shown, CELL_LENGTH), ensure_ascii=False) if isinstance(value, str) else harmless(shown)


def redacted(text: str, secrets: Iterable[str]) -> str:
    """Text with every secret replaced by asterisks."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, "***")
    return text
