"""Requests to an S3 server, repeated after failures, and with errors in words.

boto3 sends them, an extra. It takes credentials, address, region and proxies from the environment, as all tools of AWS
do; nothing of them is in the settings.
"""

import time
from collections.abc import Iterator
from functools import cached_property
from typing import Any

import boto3
from botocore.config import Config

from analytics_etl.lake.files import LakeError
from analytics_etl.lake.s3_errors import CUT_OFF, explained, unreachable

TRIES = 6
"""For a request; for a download that brings nothing new."""
_PAUSE_SECONDS = 0.25
"""Before a download goes on; twice as long each time that brought nothing new."""
_CONNECT_SECONDS, _SILENT_SECONDS = 10, 60
_BLOCK = 1 << 20


class Requests:
    """Requests about the objects below s3://bucket/prefix; a path is what follows."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._bucket, _, prefix = url.removeprefix("s3://").partition("/")
        self._prefix = f"{prefix}/" if prefix else ""

    def address(self, path: str) -> str:
        """s3://bucket/prefix/path."""
        return f"{self._url}/{path}"

    def ask(self, operation: str, path: str, **arguments: Any) -> Any:
        """The answer to a request about an object."""
        client = self._client
        with explained(self.address(path), _name(operation), client.meta.endpoint_url):
            return getattr(client, operation)(Bucket=self._bucket, Key=f"{self._prefix}{path}", **arguments)

    def listed(self, operation: str, what: str) -> Iterator[tuple[str, Any]]:
        """(path, entry) of what a listing has under a name, over all its pages."""
        client = self._client
        with explained(self._url, _name(operation), client.meta.endpoint_url):
            for page in client.get_paginator(operation).paginate(Bucket=self._bucket, Prefix=self._prefix):
                for entry in page.get(what, []):
                    yield entry["Key"].removeprefix(self._prefix), entry

    def blocks(self, path: str, size: int) -> Iterator[bytes]:
        """The content of an object, block by block. After an answer that was cut off it goes on where that ended."""
        done = vain = 0
        while done < size:
            before, reason = done, "it ended early"
            answer = self.ask("get_object", path, Range=f"bytes={done}-{size - 1}")
            try:
                for block in answer["Body"].iter_chunks(_BLOCK):
                    done += len(block)
                    yield block
            except CUT_OFF as error:
                reason = type(error).__name__
            vain = 0 if done > before else vain + 1
            if vain == TRIES:
                raise unreachable(self.address(path), "GetObject", self._client.meta.endpoint_url, reason)
            if done < size:
                time.sleep(_PAUSE_SECONDS * 2**vain)

    @cached_property
    def _client(self) -> Any:
        config = Config(
            connect_timeout=_CONNECT_SECONDS,
            read_timeout=_SILENT_SECONDS,
            retries={"mode": "standard", "total_max_attempts": TRIES},
            response_checksum_validation="when_required",  # whoever downloads compares the SHA-256
        )
        try:
            with explained(self._url, "the connection", ""):
                return boto3.Session().client("s3", config=config)
        except ValueError:  # it quotes the address, which may hold a password
            raise LakeError(
                f"{self._url}: AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL is no address of a server: expected one like "
                "https://host:9000"
            ) from None


def _name(operation: str) -> str:
    """An operation as S3 and its rights name it: put_object is PutObject."""
    return "".join(word.capitalize() for word in operation.removesuffix("_v2").split("_"))
