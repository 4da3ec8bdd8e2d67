"""What the two sides of a parsing process say to each other (`parser`, `worker`).

A message is its length (8 bytes) and its bytes. A question is the JSON of a version. An answer begins with a letter:
A and the JSON of a catalogue, or F and a sentence that says what stopped the process.
"""

import struct
from typing import IO

from pydantic import TypeAdapter

from analytics_etl.schemas.limits import Limits
from analytics_etl.schemas.values import Catalogue, Version

VERSION: TypeAdapter[Version] = TypeAdapter(Version)
CATALOGUE: TypeAdapter[Catalogue] = TypeAdapter(Catalogue)
LIMITS: TypeAdapter[Limits] = TypeAdapter(Limits)

ANSWER, FAILURE, READY = b"A", b"F", b"R"
_LENGTH = struct.Struct("!Q")


def read_message(stream: IO[bytes]) -> bytes | None:
    """The next message; None at the end."""
    head = stream.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(head)
    body = stream.read(length)
    return body if len(body) == length else None


def write_message(stream: IO[bytes], *parts: bytes) -> None:
    """Write a message at once."""
    stream.write(_LENGTH.pack(sum(map(len, parts))) + b"".join(parts))
    stream.flush()
