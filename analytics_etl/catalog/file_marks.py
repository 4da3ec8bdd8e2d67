"""When the files of the catalogue have changed, so that it is read again. Not here: reading them."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from analytics_etl.config.settings import SQL_DIR, Settings

Marks = tuple[tuple[str, int, int], ...]
"""(name, time of its last change, size) of each file."""


class Files:
    """Looks at the files."""

    def __init__(self) -> None:
        self.checked: tuple[Settings | None, Marks] = (None, ())
        """The settings that were last found to name tables that exist, and the files then."""
        self._seconds = 0.0
        self._looked: tuple[float, Marks] = (float("-inf"), ())

    def marks(self) -> Marks:
        """The files as they are, or as they were at the last look, if that counts still."""
        looked_at, known = self._looked
        now = time.monotonic()
        if now - looked_at < self._seconds:
            return known
        files = [(str(path), path.stat()) for path in sorted((*SQL_DIR.rglob("*.sql"), *SQL_DIR.glob("*.yaml")))]
        found = tuple((name, status.st_mtime_ns, status.st_size) for name, status in files)
        self._looked = now, found
        return found

    @contextmanager
    def looking_every(self, seconds: float) -> Iterator[None]:
        """Within the block they are looked at so often at most: a server asks hundreds of times a second."""
        before, self._seconds = self._seconds, seconds
        try:
            yield
        finally:
            self._seconds = before


FILES = Files()
"""Of this process."""
