"""The objects of a lake on S3: upload, download, list, remove. An object appears whole or not at all.

Why not the file system of pyarrow: it makes an object of the half that was written when an exception ends an upload,
does not end the uploads of killed processes, and does not read AWS_ENDPOINT_URL.
"""

import hashlib
import os
import re
from base64 import b64encode
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analytics_etl.disk import private
from analytics_etl.lake.files import LakeError, LakeFile
from analytics_etl.lake.s3_errors import NOT_ARRIVED, AnswerError
from analytics_etl.lake.s3_requests import Requests

_UPLOADS = 6
"""Of a file that does not arrive whole."""
_PART_BYTES = 16 << 20
"""Of an upload, in memory."""
_MOST_PARTS = 10_000
"""Of an upload, by the rules of S3."""
_FILE = re.compile(r"[^/]+/[^/]+/day=[^/]+/[^/]+\.parquet")
_NOT_THERE = ("NoSuchKey", "404")


@dataclass(frozen=True)
class StoredFile:
    """A file of the lake as a listing has it."""

    path: str
    size_bytes: int
    modified: float
    """Seconds since 1970, by the clock of the server."""


class Bucket:
    """The objects below s3://bucket/prefix; a path is what follows."""

    def __init__(self, url: str) -> None:
        self._requests = Requests(url)

    def address(self, path: str) -> str:
        """s3://bucket/prefix/path."""
        return self._requests.address(path)

    def upload(self, written: Path, path: str, sha256: str) -> None:
        """Store a file. Raise LakeError unless the server has all of its bytes in the end."""
        wrong = ""
        for _ in range(_UPLOADS):
            try:
                checksums = {b64encode(bytes.fromhex(sha256)).decode(), self._send(written, path)}
                wrong = self._difference(path, written.stat().st_size, sha256, checksums)
            except AnswerError as error:
                if error.code not in (*NOT_ARRIVED, *_NOT_THERE):
                    raise
                wrong = error.code
            if not wrong:
                return
        raise LakeError(
            f"{self.address(path)} did not arrive whole in {_UPLOADS} uploads: {wrong}; look at the server and at what "
            "lies before it, then type the command again"
        )

    def download(self, file: LakeFile, target: Path) -> None:
        """Write the content of a file to a new path. Raise LakeError if it is not what the books say."""
        digest, where = hashlib.sha256(), self.address(file.path)
        try:
            with private.create(target, "wb") as stream:
                for block in self._requests.blocks(file.path, file.size_bytes):
                    digest.update(block)
                    stream.write(block)
                stream.flush()
                os.fsync(stream.fileno())
        except AnswerError as error:
            if error.code in _NOT_THERE:
                raise file.missing(where) from None
            if error.code == "InvalidRange":
                raise file.damaged(where, f"it has less than the expected {file.size_bytes:,} bytes") from None
            raise
        if digest.hexdigest() != file.sha256:
            raise file.damaged(where, f"its SHA-256 is {digest.hexdigest()}, expected {file.sha256}")

    def files(self) -> Iterator[StoredFile]:
        """The files of the lake; other objects are left out."""
        for path, entry in self._requests.listed("list_objects_v2", "Contents"):
            if _FILE.fullmatch(path):
                yield StoredFile(path, entry["Size"], entry["LastModified"].timestamp())

    def remove(self, path: str) -> None:
        """Remove an object, if it is there."""
        self._requests.ask("delete_object", path)

    def end_uploads(self, before: float) -> None:
        """End the uploads in parts that began before a time: nobody will complete them, and their parts cost."""
        try:
            uploads = list(self._requests.listed("list_multipart_uploads", "Uploads"))
        except AnswerError as error:
            if error.code != "NotImplemented":  # some servers do not list them
                raise
            return
        for path, entry in uploads:
            if _FILE.fullmatch(path) and entry["Initiated"].timestamp() < before:
                self._end_upload(path, entry["UploadId"])

    # -- uploads -------------------------------------------------------------------------------------------------------

    def _send(self, written: Path, path: str) -> str:
        """Send a file in one request or in parts; return the checksum that the server has then, without `-parts`."""
        size = written.stat().st_size
        length = max(_PART_BYTES, -(-size // _MOST_PARTS))
        with written.open("rb") as stream:
            if size > length:
                return self._send_parts(path, iter(lambda: stream.read(length), b""))
            content = stream.read()
        self._requests.ask("put_object", path, Body=content, **_checksum(content))
        return str(_checksum(content)["ChecksumSHA256"])

    def _send_parts(self, path: str, contents: Iterator[bytes]) -> str:
        upload = self._requests.ask("create_multipart_upload", path, ChecksumAlgorithm="SHA256")["UploadId"]
        parts, digest = [], hashlib.sha256()  # the checksum of the whole is that of the checksums of the parts
        try:
            for number, content in enumerate(contents, start=1):
                told = {"UploadId": upload, "PartNumber": number, **_checksum(content)}
                answer = self._requests.ask("upload_part", path, Body=content, **told)
                parts.append({"PartNumber": number, "ETag": answer["ETag"], "ChecksumSHA256": told["ChecksumSHA256"]})
                digest.update(hashlib.sha256(content).digest())
            try:
                self._requests.ask("complete_multipart_upload", path, UploadId=upload, MultipartUpload={"Parts": parts})
            except AnswerError as error:
                if error.code != "NoSuchUpload":  # completed, and the answer was lost: the object is looked at next
                    raise
        except BaseException:
            with suppress(LakeError):  # else `end_uploads` does it, days later
                self._end_upload(path, upload)
            raise
        return b64encode(digest.digest()).decode()

    def _end_upload(self, path: str, upload: str) -> None:
        try:
            self._requests.ask("abort_multipart_upload", path, UploadId=upload)
        except AnswerError as error:
            if error.code != "NoSuchUpload":
                raise

    def _difference(self, path: str, size: int, sha256: str, checksums: Collection[str]) -> str:
        """How an object differs from what was sent; empty if it does not.

        A server that does not say its checksum is asked for the content.
        """
        found = self._requests.ask("head_object", path, ChecksumMode="ENABLED")
        if found["ContentLength"] != size:
            return f"it has {found['ContentLength']:,} bytes, expected {size:,}"
        if said := found.get("ChecksumSHA256"):
            return "" if said.partition("-")[0] in checksums else f"its checksum {said} is none of {sorted(checksums)}"
        digest = hashlib.sha256()
        for block in self._requests.blocks(path, size):
            digest.update(block)
        return "" if digest.hexdigest() == sha256 else f"its SHA-256 is {digest.hexdigest()}, expected {sha256}"


def _checksum(content: bytes) -> dict[str, Any]:
    """The arguments that let the server refuse content that did not arrive as it was sent."""
    digest = b64encode(hashlib.sha256(content).digest()).decode()
    return {"ChecksumAlgorithm": "SHA256", "ChecksumSHA256": digest}
