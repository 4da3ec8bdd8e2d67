"""The objects of a lake on S3: upload, download, list, remove. An object appears whole or not at all.

boto3 does it, an extra. The file system of pyarrow would not: it makes an object of the half that was written when an
exception ends an upload, does not end the uploads of killed processes, and does not read AWS_ENDPOINT_URL. boto3 takes
credentials, address, region and proxies from the environment, as all tools of AWS do.
"""

import hashlib
import os
import re
import time
from base64 import b64encode
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from analytics_etl.disk import private
from analytics_etl.lake.files import LakeError, LakeFile
from analytics_etl.lake.s3_errors import CUT_OFF, NOT_ARRIVED, AnswerError, explained, unreachable

_TRIES = 6
"""For a request; for an upload that does not arrive whole; for a download that brings nothing new."""
_PAUSE_SECONDS = 0.25
"""Before a download goes on; twice as long each time that brought nothing new."""
_CONNECT_SECONDS, _SILENT_SECONDS = 10, 60
_BLOCK = 1 << 20
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
        self._url = url
        self._bucket, _, prefix = url.removeprefix("s3://").partition("/")
        self._prefix = f"{prefix}/" if prefix else ""

    def address(self, path: str) -> str:
        """s3://bucket/prefix/path."""
        return f"{self._url}/{path}"

    def upload(self, written: Path, path: str, sha256: str) -> None:
        """Store a file. Raise LakeError unless the server has all of its bytes in the end."""
        wrong = ""
        for _ in range(_TRIES):
            try:
                checksums = {b64encode(bytes.fromhex(sha256)).decode(), self._send(written, path)}
            except AnswerError as error:
                if error.code not in NOT_ARRIVED:
                    raise
                wrong = error.code
                continue
            wrong = self._difference(path, written.stat().st_size, sha256, checksums)
            if not wrong:
                return
        raise LakeError(
            f"{self.address(path)} did not arrive whole in {_TRIES} uploads: {wrong}; look at the server and what lies "
            "before it, then type the command again"
        )

    def download(self, file: LakeFile, target: Path) -> None:
        """Write the content of a file to a new path. Raise LakeError if it is not what the books say."""
        digest, where = hashlib.sha256(), self.address(file.path)
        try:
            with private.create(target, "wb") as stream:
                for block in self._blocks(file.path, file.size_bytes):
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
        for page in self._pages("list_objects_v2"):
            for item in page.get("Contents", []):
                path = item["Key"].removeprefix(self._prefix)
                if _FILE.fullmatch(path):
                    yield StoredFile(path, item["Size"], item["LastModified"].timestamp())

    def remove(self, path: str) -> None:
        """Remove an object, if it is there."""
        self._ask("delete_object", path)

    def end_uploads(self, before: float) -> None:
        """End the uploads in parts that began before a time: nobody will complete them, and their parts cost."""
        for page in self._pages("list_multipart_uploads"):
            for item in page.get("Uploads", []):
                path = item["Key"].removeprefix(self._prefix)
                if _FILE.fullmatch(path) and item["Initiated"].timestamp() < before:
                    self._end_upload(path, item["UploadId"])

    # -- uploads -------------------------------------------------------------------------------------------------------

    def _send(self, written: Path, path: str) -> str:
        """Send a file in one request or in parts; return the checksum that the server has then, without `-parts`."""
        size = written.stat().st_size
        length = max(_PART_BYTES, -(-size // _MOST_PARTS))
        with written.open("rb") as stream:
            if size > length:
                return self._send_parts(path, iter(lambda: stream.read(length), b""))
            content = stream.read()
        self._ask("put_object", path, Body=content, **_checksum(content))
        return str(_checksum(content)["ChecksumSHA256"])

    def _send_parts(self, path: str, contents: Iterator[bytes]) -> str:
        upload = self._ask("create_multipart_upload", path, ChecksumAlgorithm="SHA256")["UploadId"]
        parts, digest = [], hashlib.sha256()  # the checksum of the whole is that of the checksums of the parts
        try:
            for number, content in enumerate(contents, start=1):
                told = {"UploadId": upload, "PartNumber": number, **_checksum(content)}
                answer = self._ask("upload_part", path, Body=content, **told)
                parts.append({"PartNumber": number, "ETag": answer["ETag"], "ChecksumSHA256": told["ChecksumSHA256"]})
                digest.update(hashlib.sha256(content).digest())
            try:
                self._ask("complete_multipart_upload", path, UploadId=upload, MultipartUpload={"Parts": parts})
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
            self._ask("abort_multipart_upload", path, UploadId=upload)
        except AnswerError as error:
            if error.code != "NoSuchUpload":
                raise

    def _difference(self, path: str, size: int, sha256: str, checksums: Collection[str]) -> str:
        """How an object differs from what was sent; empty if it does not.

        A server that does not say its checksum is asked for the content.
        """
        found = self._ask("head_object", path, ChecksumMode="ENABLED")
        if found["ContentLength"] != size:
            return f"it has {found['ContentLength']:,} bytes, expected {size:,}"
        if said := found.get("ChecksumSHA256"):
            return "" if said.partition("-")[0] in checksums else f"its checksum {said} is none of {sorted(checksums)}"
        digest = hashlib.sha256()
        for block in self._blocks(path, size):
            digest.update(block)
        return "" if digest.hexdigest() == sha256 else f"its SHA-256 is {digest.hexdigest()}, expected {sha256}"

    # -- requests ------------------------------------------------------------------------------------------------------

    def _blocks(self, path: str, size: int) -> Iterator[bytes]:
        """The content of an object, block by block. After an answer that was cut off it goes on where that ended."""
        done = vain = 0
        while done < size:
            before, reason = done, "it ended early"
            answer = self._ask("get_object", path, Range=f"bytes={done}-{size - 1}")
            try:
                for block in answer["Body"].iter_chunks(_BLOCK):
                    done += len(block)
                    yield block
            except CUT_OFF as error:
                reason = type(error).__name__
            vain = 0 if done > before else vain + 1
            if vain == _TRIES:
                raise unreachable(self.address(path), "GetObject", self._client.meta.endpoint_url, reason)
            if done < size:
                time.sleep(_PAUSE_SECONDS * 2**vain)

    def _ask(self, operation: str, path: str, **arguments: Any) -> Any:
        """The answer to a request about an object."""
        client = self._client
        with explained(self.address(path), _name(operation), client.meta.endpoint_url):
            return getattr(client, operation)(Bucket=self._bucket, Key=f"{self._prefix}{path}", **arguments)

    def _pages(self, operation: str) -> Iterator[Any]:
        client = self._client
        with explained(self._url, _name(operation), client.meta.endpoint_url):
            yield from client.get_paginator(operation).paginate(Bucket=self._bucket, Prefix=self._prefix)

    @cached_property
    def _client(self) -> Any:
        config = Config(
            connect_timeout=_CONNECT_SECONDS,
            read_timeout=_SILENT_SECONDS,
            retries={"mode": "standard", "total_max_attempts": _TRIES},
            response_checksum_validation="when_required",  # SHA-256 is compared here
        )
        with explained(self._url, "the connection", ""):
            return boto3.Session().client("s3", config=config)


def _checksum(content: bytes) -> dict[str, Any]:
    """The arguments that let the server refuse content that did not arrive as it was sent."""
    digest = b64encode(hashlib.sha256(content).digest()).decode()
    return {"ChecksumAlgorithm": "SHA256", "ChecksumSHA256": digest}


def _name(operation: str) -> str:
    """An operation as S3 and its rights name it: put_object is PutObject."""
    return "".join(word.capitalize() for word in operation.removesuffix("_v2").split("_"))
