"""Texts that people type as part of a question."""

from collections.abc import Mapping

from analytics_etl.families.queries import QueryError


def is_storable(text: str) -> bool:
    """Whether the database can hold it: no NUL, and nothing that is no Unicode."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in text


def check_texts(values: Mapping[str, object]) -> None:
    """Refuse a text that no row can have, naming what it was for; what is no text is not looked at."""
    for name, value in values.items():
        if isinstance(value, str) and not is_storable(value):
            raise QueryError(f"{name} must be a text in UTF-8 without NUL bytes, but is {value!r}")
