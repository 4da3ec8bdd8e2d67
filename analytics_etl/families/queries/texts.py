"""Texts among the parameters of a question."""

from collections.abc import Mapping

from analytics_etl.families.queries import QueryError


def is_storable(text: str) -> bool:
    """Whether PostgreSQL can store a text: no NUL, and valid Unicode."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in text


def check_texts(values: Mapping[str, object]) -> None:
    """Raise QueryError for a text that no row can have, with its name; other values are ignored."""
    for name, value in values.items():
        if isinstance(value, str) and not is_storable(value):
            raise QueryError(f"{name} must be a text in UTF-8 without NUL bytes, but is {value!r}")
