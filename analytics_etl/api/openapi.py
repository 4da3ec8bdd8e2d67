"""The OpenAPI document: the routes as FastAPI knows them, with the columns of their rows and an example of each.

A route names the query or table whose columns its rows have; what they mean stands there, once.
"""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from analytics_etl.api import problems
from analytics_etl.api.answers import MEDIA_TYPES
from analytics_etl.catalog.catalog import Catalog
from analytics_etl.config.settings import Settings

_ROWS, _EXAMPLE = "x-rows", "x-example"
_METHODS = ("get", "post", "patch", "delete")
_TEXT, _WHOLE, _NUMBER = {"type": ["string", "null"]}, {"type": ["integer", "null"]}, {"type": ["number", "null"]}
_BY_ENDING: Sequence[tuple[tuple[str, ...], Mapping[str, Any]]] = (
    (("_ratio", "_rate", "_ms", "_percent", "_score"), _NUMBER),
    (("_count", "_bytes", "rank"), _WHOLE),
    (("_at",), {"type": ["string", "null"], "format": "date-time"}),
    (("day",), {"type": ["string", "null"], "format": "date"}),
    (("_name", "_id", "version", "language", "service", "region", "operation"), _TEXT),
)
"""The names of columns say what they hold, everywhere in the product."""

REPEATED: Mapping[str, Any] = {
    "as_of": {
        "type": ["string", "null"], "format": "date-time",
        "description": "The end of the newest day in the answer; null before the first one.",
    },
    "is_final": {"type": ["boolean", "null"], "description": "Whether the days of the answer can change no more."},
    "next_cursor": {"type": ["string", "null"], "description": "The parameter cursor of the next page; null: none."},
    "dropped": {
        "type": "array", "items": {"type": "string", "format": "date"},
        "description": "Days whose rows were not kept, and are not in the answer.",
    },
    "missing": {
        "type": "array", "description": "Stretches of days that are not loaded.",
        "items": {
            "type": "object", "required": ["first", "last"],
            "properties": {name: {"type": "string", "format": "date"} for name in ("first", "last")},
        },
    },
}  # fmt: skip
"""What stands beside the rows of every answer."""


def documented(
    example: str, rows: str | Mapping[str, str] = "", fields: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
    rows_name: str = "rows",
) -> dict[str, Any]:  # fmt: skip
    """What OpenAPI says of a route beside its parameters, as arguments of its decorator.

    `rows` is the query that its rows come from, or {column: meaning}; `fields` are schemas of what stands beside them.
    The example is a path with parameters; a test asks it. A route that takes a body has its example there instead.
    """
    return {
        "openapi_extra": {
            _ROWS: {"of": rows if isinstance(rows, str) else dict(rows), "name": rows_name, "fields": dict(fields)},
            **({_EXAMPLE: example} if example else {}),
        },
        "response_model": None,
    }


def install(app: FastAPI, settings: Settings) -> None:
    """Make an application write this document at /openapi.json."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _completed(app, Catalog.of(settings))
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]


def examples(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(path of a route, its example) of each route that has one."""
    for path, item in document["paths"].items():
        for method in _METHODS:
            if _EXAMPLE in item.get(method, {}):
                yield path, item[method][_EXAMPLE]


def _completed(app: FastAPI, catalog: Catalog) -> dict[str, Any]:
    document = get_openapi(
        title=app.title, version=app.version, description=app.description, routes=app.routes, tags=app.openapi_tags
    )
    components = document.setdefault("components", {})
    components.setdefault("schemas", {})["Problem"] = problems.SCHEMA
    components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    document["security"] = [{"token": []}, {}]
    for item in document["paths"].values():
        for method, operation in ((method, item[method]) for method in _METHODS if method in item):
            if (described := operation.pop(_ROWS, None)) is not None:
                operation["responses"]["200"] = _rows_response(described, catalog)
                if method == "get":
                    operation["responses"]["304"] = {"description": "The answer is the one that the client has."}
    return document


def _rows_response(described: Mapping[str, Any], catalog: Catalog) -> dict[str, Any]:
    of = described["of"]
    columns = catalog.query(of).columns if isinstance(of, str) and of else of or {}
    row: dict[str, Any] = {"type": "object"}
    if columns:
        row["required"] = list(columns)
        row["properties"] = {name: column_schema(name, meaning) for name, meaning in columns.items()}
    whole = {**described["fields"], described["name"]: {"type": "array", "items": row}, **REPEATED}
    schema = {"type": "object", "required": list(whole), "properties": whole}
    content: dict[str, Any] = {media_type: {"schema": {"type": "string"}} for media_type in MEDIA_TYPES.values()}
    return {"description": "The answer.", "content": {**content, MEDIA_TYPES["json"]: {"schema": schema}}}


def column_schema(name: str, meaning: str) -> dict[str, Any]:
    """The JSON schema of a column, as far as its name says what it holds."""
    found = next((schema for endings, schema in _BY_ENDING if name.endswith(endings)), {})
    return {**found, "description": meaning}
