"""The JSON of a schema file, or the fault in it."""

import json
from typing import Any

from analytics_etl.schemas.values import Fault


def parse_json(path: str, text: str) -> Any:
    """The value of a file; a Fault if it is no JSON. Names that occur twice in an object are a fault, too."""
    try:
        return json.loads(text.removeprefix("\ufeff"), object_pairs_hook=_unique, parse_constant=_refuse)
    except json.JSONDecodeError as error:
        return Fault(error.msg, path, error.lineno, error.colno)
    except ValueError as error:
        return Fault(str(error), path)
    except RecursionError:
        return Fault("nested more deeply than any reader follows", path)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the name {twice!r} occurs twice in an object")
    return found


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")
