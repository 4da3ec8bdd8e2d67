"""What the two sides of a parsing process say to each other (`parser`, `worker`).

A message is its length (8 bytes) and its bytes. A question is the JSON of a new version and the old one, if it is to be
compared. Two messages answer it: what the process of the version wrote (the catalogue, then the comparison, each a
message again), and a sentence that says what stopped it before its end; the sentence is empty if nothing did.
"""

import struct
from dataclasses import dataclass
from typing import IO

from pydantic import TypeAdapter

from analytics_etl.schemas.changes import Comparison
from analytics_etl.schemas.limits import Limits
from analytics_etl.schemas.values import Catalogue, Version


@dataclass(frozen=True)
class Question:
    """A version to be read, and the one before it, if the two are to be compared."""

    new: Version
    old: Version | None = None


QUESTION: TypeAdapter[Question] = TypeAdapter(Question)
CATALOGUE: TypeAdapter[Catalogue] = TypeAdapter(Catalogue)
COMPARISON: TypeAdapter[Comparison] = TypeAdapter(Comparison)
LIMITS: TypeAdapter[Limits] = TypeAdapter(Limits)

READY = b"ready"
_LENGTH = struct.Struct("!Q")


def read_message(stream: IO[bytes]) -> bytes | None:
    """The next message; None at the end."""
    head = stream.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(head)
    body = stream.read(length)
    return body if len(body) == length else None


def write_message(stream: IO[bytes], body: bytes) -> None:
    """Write a message at once."""
    stream.write(_LENGTH.pack(len(body)) + body)
    stream.flush()
