"""What versions are known to hold, in this process: a day that is computed again does not read its versions again."""

import hashlib
import pickle
import threading
import zlib
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Value = TypeVar("Value")


@dataclass
class Memory(Generic[Value]):
    """The values that were used last, compressed. Threads may share it."""

    most_bytes: int
    _values: OrderedDict[bytes, bytes] = field(default_factory=OrderedDict)
    _bytes: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def find(self, question: bytes) -> Value | None:
        """The value that was kept for a question."""
        with self._lock:
            found = self._values.get(key := _key(question))
            if found is None:
                return None
            self._values.move_to_end(key)
        value: Value = pickle.loads(zlib.decompress(found))  # noqa: S301 - written by this process
        return value

    def keep(self, question: bytes, value: Value) -> None:
        """Keep a value; the ones that were used longest ago make room."""
        written = zlib.compress(pickle.dumps(value), 1)
        with self._lock:
            key = _key(question)
            self._bytes += len(written) - len(self._values.pop(key, b""))
            self._values[key] = written
            while self._bytes > self.most_bytes:
                _, oldest = self._values.popitem(last=False)
                self._bytes -= len(oldest)


def _key(question: bytes) -> bytes:
    return hashlib.sha256(question).digest()
