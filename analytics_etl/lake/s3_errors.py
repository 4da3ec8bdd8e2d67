"""Errors of an S3 server in words: what was expected, what came, where, what to do. They never hold credentials.

The errors of boto3 are not chained: some quote the address of the server, which may hold a password.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    HTTPClientError,
    IncompleteReadError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
    ResponseStreamingError,
    TokenRetrievalError,
)
from botocore.parsers import ResponseParserError

from analytics_etl.lake.files import LakeError

CUT_OFF = (HTTPClientError, IncompleteReadError, ResponseStreamingError)
"""Errors of a connection that was refused, cut off or silent for too long."""

NOT_ARRIVED = (
    "BadDigest", "EntityTooSmall", "IncompleteBody", "InvalidPart", "MalformedXML", "NoSuchUpload",
    "XAmzContentChecksumMismatch",
)  # fmt: skip
"""Codes of answers to an upload that did not arrive as it was sent."""

_CREDENTIALS = (
    NoCredentialsError, PartialCredentialsError, CredentialRetrievalError, TokenRetrievalError, ProfileNotFound,
)  # fmt: skip
_REFUSED = 403
_BUSY = (429, 500, 502, 503, 504)
_OF_THE_REGION = ("PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException")


class AnswerError(LakeError):
    """The server answered with an error; `code` is the one of S3, like NoSuchKey."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


@contextmanager
def explained(where: str, operation: str, endpoint: str) -> Iterator[None]:
    """Raise LakeError for errors of boto3 in the block. `where` is s3://bucket/key."""
    try:
        yield
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", "unknown"))
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        raise AnswerError(f"{where}: {_of_answer(code, status, where, operation, server(endpoint))}", code) from None
    except _CREDENTIALS as error:
        raise LakeError(
            f"{where}: no credentials ({type(error).__name__}): expected AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY "
            "in the environment, or what else the tools of AWS take there (AWS_PROFILE, a role of the machine)"
        ) from None
    except (BotoCoreError, ResponseParserError) as error:
        raise unreachable(where, operation, endpoint, type(error).__name__) from None


def unreachable(where: str, operation: str, endpoint: str, reason: str) -> LakeError:
    """The error of a server that does not answer, or not to the end."""
    return LakeError(
        f"{where}: {operation} got no whole answer from {server(endpoint)} ({reason}) after several tries: is it up, "
        "and is AWS_ENDPOINT_URL_S3 right? Then type the command again"
    )


def server(endpoint: str) -> str:
    """The address of a server, without a user and password."""
    parts = urlsplit(endpoint)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}" if parts.netloc else "S3"


def _of_answer(code: str, status: int | None, where: str, operation: str, address: str) -> str:
    bucket = urlsplit(where).netloc
    if code == "NoSuchBucket":
        return f"there is no bucket {bucket} at {address}: make it, or correct ANALYTICS_LAKE or AWS_ENDPOINT_URL_S3"
    if code in _OF_THE_REGION:
        return f"the bucket {bucket} is in another region ({code}): set AWS_DEFAULT_REGION to it"
    if status == _REFUSED:
        return (
            f"{address} refused {operation} ({code}): give the credentials of the environment the right to it, or "
            "correct them"
        )
    if status in _BUSY:
        return f"{address} answered {operation} with {status} ({code}) again and again: type the command again later"
    return f"{address} answered {operation} with {status} ({code})"
