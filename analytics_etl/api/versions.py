"""Versions of what the API answers from, and the answers it remembers until a version changes."""

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import anyio

from analytics_etl.config.settings import SQL_DIR, Settings
from analytics_etl.ops.versions import versions_of_families
from analytics_etl.postgres.database import Database

SECONDS_KNOWN = 1.0
"""Time after which the versions are read again: so long an answer may be older than its tables."""
MOST_BYTES = 64 << 20
"""Of remembered answers; the one that was asked for least recently goes first."""
LARGEST_REMEMBERED = 1 << 20

_PACKAGE = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Remembered:
    """The answer to a request, as it was sent."""

    body: bytes
    headers: Mapping[str, str]


class Versions:
    """The version of each family: of its tables' rows, of the code and of the settings that make answers of them."""

    def __init__(self, settings: Settings) -> None:
        self._database = Database(settings)
        self._code = _code_version(settings)
        self.limiter = anyio.CapacityLimiter(1)
        """One thread reads them for all."""
        self._lock = threading.Lock()
        self._known: Mapping[str, str] = MappingProxyType({})
        self._read_at = float("-inf")

    def is_fresh(self, seconds: float = SECONDS_KNOWN) -> bool:
        """Whether the versions need not be read again."""
        return time.monotonic() - self._read_at < seconds

    def of(self, family: str) -> str:
        """The version of a family's answers."""
        with self._lock:
            if not self.is_fresh():
                self._known = self._database.run(versions_of_families)
                self._read_at = time.monotonic()
        return f"{self._code}{self._known.get(family, '')}"


class Memory:
    """Remembered answers by request and version, within a number of bytes."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._bytes = 0
        self._answers: OrderedDict[str, Remembered] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: str) -> Remembered | None:
        with self._lock:
            if key in self._answers:
                self._answers.move_to_end(key)
            return self._answers.get(key)

    def put(self, key: str, answer: Remembered) -> None:
        if len(answer.body) > LARGEST_REMEMBERED:
            return
        with self._lock:
            if key not in self._answers:
                self._answers[key] = answer
                self._bytes += len(answer.body)
            while self._bytes > self._most_bytes:
                _, oldest = self._answers.popitem(last=False)
                self._bytes -= len(oldest.body)


def _code_version(settings: Settings) -> str:
    """Hash of everything beside rows that decides an answer, the same in each process of one release."""
    digest = hashlib.sha256(repr(sorted(settings.parameters.items())).encode())
    folders = [*SQL_DIR.glob("*/queries"), *(_PACKAGE / name for name in ("api", "families", "reporting"))]
    for path in sorted(p for folder in folders for p in folder.rglob("*") if p.suffix in (".py", ".sql", ".j2")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]
