"""Decompression in small pieces, so that memory stays bounded: 30 KB may unpack to gigabytes."""

import hashlib
import zlib
from collections.abc import Callable, Iterator
from typing import BinaryIO

import zstandard

LARGEST_PIECE = 1 << 20
"""Bytes unpacked at once, approximately."""

_READ_SIZE = 1 << 16
_LARGEST_WINDOW = 1 << 27
"""Window of a zstd stream in bytes, as `zstd --ultra -22` needs it."""
_ZSTD_BLOCK = 1 << 17
"""Largest unpacked size of a block of a zstd frame, in bytes."""

UNREADABLE = (OSError, EOFError, zlib.error, zstandard.ZstdError)
"""Errors of reading a damaged, truncated or vanished file."""


def decompressed(file: BinaryIO, compression: str | None, digest: "hashlib._Hash") -> Iterator[bytes]:
    """The file's content in pieces of about LARGEST_PIECE at most. Updates `digest` with the bytes on disk.

    Raises EOFError when a compressed stream ends too early, zlib.error or zstandard.ZstdError when it is damaged.
    """
    match compression:
        case "gzip":
            return _gzip(_read(file, digest))
        case "zstd":
            return _zstd(_read(file, digest))
        case _:
            return _read(file, digest)


def _read(file: BinaryIO, digest: "hashlib._Hash") -> Iterator[bytes]:
    while data := file.read(_READ_SIZE):
        digest.update(data)
        yield data


def _gzip(packed: Iterator[bytes]) -> Iterator[bytes]:
    unpacker = zlib.decompressobj(wbits=31)
    is_inside = False
    for data in packed:
        rest = data
        while rest:
            if unpacker.eof:  # a file may hold several compressed streams, one after the other
                unpacker = zlib.decompressobj(wbits=31)
            if piece := unpacker.decompress(rest, LARGEST_PIECE):
                yield piece
            is_inside = not unpacker.eof
            rest = unpacker.unused_data if unpacker.eof else unpacker.unconsumed_tail
    while is_inside and (piece := unpacker.decompress(b"", LARGEST_PIECE)):
        yield piece
        is_inside = not unpacker.eof
    if is_inside:
        raise EOFError(_TOO_EARLY)


def _zstd(packed: Iterator[bytes]) -> Iterator[bytes]:
    """The library unpacks all of its input at once, so it gets a few blocks at a time."""
    frames = _Frames()
    unpacker = zstandard.ZstdDecompressor(max_window_size=_LARGEST_WINDOW)
    stream = unpacker.decompressobj()
    is_inside = False
    for data in packed:
        for part in frames.cut(data):
            rest = part
            while rest:
                if stream.eof:
                    stream = unpacker.decompressobj()
                if piece := stream.decompress(rest):
                    yield piece
                is_inside = not stream.eof
                rest = stream.unused_data if stream.eof else b""
    if is_inside:
        raise EOFError(_TOO_EARLY)


_TOO_EARLY = "the compressed stream ends too early"


class _Frames:
    """Finds where the blocks of zstd frames begin (RFC 8878, section 3). Unpacks nothing.

    Passes bytes that are no zstd on: the library raises the error.
    """

    _MAGIC, _SKIPPED_MAGIC = 0xFD2FB528, 0x184D2A50

    def __init__(self) -> None:
        self._head = bytearray()
        self._wanted = 4
        """Size of the current header in bytes."""
        self._content = 0
        """Bytes until the next header."""
        self._next: Callable[[int], None] = self._magic
        self._has_checksum = False

    def cut(self, data: bytes) -> Iterator[bytes]:
        """The data in parts that unpack to about LARGEST_PIECE at most."""
        start = at = headers = 0
        while at < len(data):
            if self._content:
                step = min(self._content, len(data) - at)
                self._content -= step
            else:
                step = min(self._wanted - len(self._head), len(data) - at)
                self._head += data[at : at + step]
                if len(self._head) == self._wanted:
                    header = int.from_bytes(self._head, "little")
                    self._head.clear()
                    self._next(header)
                    headers += 1
            at += step
            if headers == LARGEST_PIECE // _ZSTD_BLOCK:
                yield data[start:at]
                start, headers = at, 0
        if start < at:
            yield data[start:at]

    def _expect(self, size: int, header: Callable[[int], None]) -> None:
        """Expect a header of this size next, and the method that understands it."""
        self._wanted, self._next = size, header

    def _magic(self, header: int) -> None:
        if header == self._MAGIC:
            self._expect(1, self._descriptor)
        elif header & 0xFFFFFFF0 == self._SKIPPED_MAGIC:
            self._expect(4, self._skipped)

    def _skipped(self, header: int) -> None:
        self._content = header
        self._expect(4, self._magic)

    def _descriptor(self, header: int) -> None:
        is_single_segment = bool(header & 0x20)
        size_of_size = (1 if is_single_segment else 0, 2, 4, 8)[header >> 6]
        self._content = (0 if is_single_segment else 1) + (0, 1, 2, 4)[header & 3] + size_of_size
        self._has_checksum = bool(header & 4)
        self._expect(3, self._block)

    def _block(self, header: int) -> None:
        is_last, kind, size = header & 1, header >> 1 & 3, header >> 3
        is_one_byte_repeated = kind == 1
        self._content = 1 if is_one_byte_repeated else size
        if is_last:
            self._content += 4 if self._has_checksum else 0
            self._expect(4, self._magic)
