"""Errors as problem details (RFC 9457): what was expected, what came, what to do. None repeats a secret."""

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from analytics_etl.families.queries import QueryError
from analytics_etl.postgres.connection import DatabaseError, UnreachableError
from analytics_etl.postgres.failures import SERVER_ERRORS, explained, is_lost, is_timed_out

MEDIA_TYPE = "application/problem+json"

SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "description": "about:blank: the status says what kind of problem it is."},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What was expected, what came, what to do."},
        "errors": {
            "type": "array",
            "description": "Each wrong parameter or record.",
            "items": {
                "type": "object",
                "required": ["where", "reason"],
                "properties": {"where": {"type": "string"}, "reason": {"type": "string"}},
            },
        },
    },
}

_log = logging.getLogger(__name__)


class Problem(HTTPException):
    """A request that cannot be answered, and why."""

    def __init__(
        self, status: int, detail: str, headers: Mapping[str, str] | None = None,
        errors: list[dict[str, str]] | None = None,
    ) -> None:  # fmt: skip
        super().__init__(status, detail, headers)
        self.errors = errors


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The problems of a route, for OpenAPI."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": HTTPStatus(status).phrase, "content": content} for status in statuses}


def answer(
    status: int, detail: str, headers: Mapping[str, str] | None = None, errors: list[dict[str, str]] | None = None
) -> JSONResponse:
    """A problem as a response."""
    body: dict[str, Any] = {
        "type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail,
    }  # fmt: skip
    if errors:
        body["errors"] = errors
    return JSONResponse(body, status, {"Cache-Control": "no-store", **(headers or {})}, MEDIA_TYPE)


def handle(app: FastAPI) -> None:
    """Answer the errors that are foreseen with problem details; the guard answers the others."""
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(QueryError, _refused_question)
    for kind in (*SERVER_ERRORS, TimeoutError):
        app.add_exception_handler(kind, _failed)


def _http(request: Request, error: Exception) -> JSONResponse:
    del request
    assert isinstance(error, HTTPException)
    if error.status_code == HTTPStatus.BAD_REQUEST:  # FastAPI's answer to a body that is no text
        return answer(422, "the body is no valid JSON in UTF-8")
    errors = error.errors if isinstance(error, Problem) else None
    return answer(error.status_code, str(error.detail), error.headers, errors)


def _invalid(request: Request, error: Exception) -> JSONResponse:
    del request
    assert isinstance(error, RequestValidationError)
    found = [{"where": ".".join(map(str, e["loc"])), "reason": str(e["msg"])} for e in error.errors()]
    return answer(422, "; ".join(f"{e['where']}: {e['reason']}" for e in found), errors=found)


def _refused_question(request: Request, error: Exception) -> JSONResponse:
    del request
    return answer(422, str(error))


def _failed(request: Request, error: Exception) -> JSONResponse:
    return of_error(error, f"{request.method} {request.url.path}")


def of_error(error: Exception, what: str) -> JSONResponse:
    """The problem of an error that no route expects; what it says stays in the log."""
    if isinstance(error, TimeoutError) or is_timed_out(error):
        return answer(504, "the answer took too long: ask for fewer days, or for less")
    if is_lost(error) or isinstance(error, UnreachableError):
        return answer(503, "the database does not answer; try again", {"Retry-After": "5"})
    _log.error("%s failed", what, exc_info=error)
    if isinstance(error, DatabaseError) or explained(error):
        return answer(503, "the database cannot answer now; the log says why", {"Retry-After": "30"})
    return answer(500, "this is a defect of the server; its log says what happened")
