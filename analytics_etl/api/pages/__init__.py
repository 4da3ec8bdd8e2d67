"""HTML pages of the server: templates beside this file, styles and scripts in `static`. They ask no other host."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, Undefined

STATIC = Path(__file__).resolve().parent.parent / "static"


@cache
def environment() -> Environment:
    """The templates; what they show is escaped."""
    return Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=True, lstrip_blocks=True,
        undefined=Undefined,
    )  # fmt: skip


def docs_page(document: Mapping[str, Any]) -> str:
    """The OpenAPI document as a page: what each route is asked, and what it answers."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for path, item in document["paths"].items():
        for method, operation in item.items():
            route = {
                "method": method.upper(), "path": path, "operation": operation, "example": operation.get("x-example"),
                "columns": _columns(operation),
            }  # fmt: skip
            groups.setdefault(operation.get("tags", ["other"])[0], []).append(route)
    listed = [{"name": name, "routes": routes} for name, routes in groups.items()]
    return environment().get_template("docs.html.j2").render(document=document, groups=listed)


def _columns(operation: Mapping[str, Any]) -> Mapping[str, Any]:
    """The columns of the rows that a route answers with."""
    content = operation["responses"].get("200", {}).get("content", {}).get("application/json", {})
    arrays = [p for p in content.get("schema", {}).get("properties", {}).values() if "items" in p]
    return next((p["items"]["properties"] for p in arrays if "properties" in p["items"]), {})
