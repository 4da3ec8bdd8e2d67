"""How the text of a setting becomes its value, and what an error says of a wrong text."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from analytics_etl.config import urls
from analytics_etl.text.visible import cut

LONGEST_SHOWN = 200
"""Characters of a wrong value that an error repeats."""


class OutOfBoundsError(ValueError):
    """A value is too small or too large; the message says the bounds."""


@dataclass(frozen=True)
class TextFormat:
    """Parses the text of a setting; `expected` describes valid texts."""

    parse: Callable[[str], Any]
    expected: str

    def read(self, text: str) -> Any:
        """The value; None for a blank text, which counts as unset. Raises ValueError: what was expected, what came."""
        text = text.strip()
        try:
            text.encode()
            return self.parse(text) if text else None
        except urls.UrlError:
            raise
        except (ValueError, OverflowError) as error:
            bounds = f" {error}" if isinstance(error, OutOfBoundsError) else ""
            raise ValueError(f"must be {self.expected}{bounds}, but is {cut(repr(text), LONGEST_SHOWN)}") from error


@dataclass(frozen=True)
class UrlFormat:
    """Checks the text of a URL. No error quotes it: it may hold a password or a token."""

    check: Callable[[str], None]
    without: str = ""
    """Characters removed from its end."""

    def read(self, text: str) -> str | None:
        """The URL; None for a blank text. Raises UrlError, which names the wrong part."""
        if url := text.strip():
            self.check(url)
        return url.rstrip(self.without) or None
