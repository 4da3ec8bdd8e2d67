"""Reading a SQL file into models: parse its header, bind names and settings, check the rules.

Every ModelError names the file.
"""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml
from sqlglot import exp

from analytics_etl.catalog.grains import GRAINS, names_in, write_names
from analytics_etl.catalog.measures import Measure
from analytics_etl.catalog.models import PARAMETERS, Function, Model, ModelError, Value, bind
from analytics_etl.catalog.series import FORECASTS, HEADER, UNITS, ZERO, wrong_columns
from analytics_etl.catalog.series import GRAINS as SERIES_GRAINS

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""Ten times as fast if PyYAML was built with libyaml, as its wheels are."""

HEADER_KEYS = {"description", "key", "columns", "checks", "function", "kept", "parameters"}


def read_models(
    path: Path, settings: Mapping[str, Value] = MappingProxyType({}), family: str | None = None
) -> dict[str, Model]:
    """Read and validate one file: {table with schema: model}; raise ModelError naming the file.

    Settings that the SELECT names are bound here, so that another value makes another code version. A file that several
    families share is read for one of them, whose name stands for `{family}` in its text.
    """
    if "," in path.stem and len(names_in(path)) == 1:
        raise ModelError(f"{path}: the name lists something else than suffixes; expected some of {', '.join(GRAINS)}")
    text = path.read_text(encoding="utf-8")
    if family is not None:
        text = text.replace("{family}", family)
    family = family or path.parent.parent.name
    models = [_read(path, family, text, name, grain, settings) for name, grain in names_in(path).items()]
    return {model.table: model for model in models}


def _read(
    path: Path, family: str, text: str, name: str, grain: str | None, settings: Mapping[str, Value]
) -> Model:  # fmt: skip
    if grain is not None:
        text, settings = write_names(text, grain), {**settings, "bucket": GRAINS[grain].bucket}
    if not text.startswith("/*") or "*/" not in text:
        raise ModelError(f"{path}: expected a YAML header in /* */ at the top")
    header, select = text[2:].split("*/", 1)
    kind: Any = path.parent.name
    if kind != "sources":  # SELECTs for DuckDB, which have no parameters
        own_parameters = _header(path, header).get("parameters", ()) if kind == "queries" else ()
        select = bind(select, settings, path, {*PARAMETERS[kind], *own_parameters})
    return _model(path, family, name, grain, header, select)


@lru_cache(maxsize=1024)
def _header(path: Path, text: str) -> Mapping[str, Any]:
    """The header of a file; raise ModelError unless it is a mapping with known keys only."""
    try:
        header = yaml.load(text, Loader=_LOADER)  # noqa: S506 - safe, and in C
    except yaml.YAMLError as error:
        raise ModelError(f"{path}: the header is not valid YAML (quote a text that holds a colon): {error}") from error
    if not isinstance(header, dict) or not header.get("description"):
        raise ModelError(f"{path}: the header needs at least a description")
    known = {*HEADER_KEYS, *(HEADER if path.parent.name == "series" else ())}
    if unknown := set(header) - known:
        raise ModelError(f"{path}: unknown header keys {sorted(unknown)}; there are only {sorted(known)}")
    parameters = header.get("parameters", {})
    if parameters and path.parent.name != "queries":
        raise ModelError(f"{path}: only a query has parameters of its own")
    if not isinstance(parameters, dict):
        raise ModelError(f"{path}: parameters must be a mapping of each to its meaning, but is {parameters!r}")
    return header


@lru_cache(maxsize=1024)  # a process parses an unchanged file once
def _model(path: Path, family: str, name: str, grain: str | None, header_text: str, select: str) -> Model:
    """Make and validate the model of one name of a file from its header and its SELECT, whose settings are bound."""
    kind: Any = path.parent.name
    header = _header(path, header_text)
    columns, checks = header.get("columns", {}), header.get("checks", [])
    if not isinstance(columns, dict):
        raise ModelError(f"{path}: columns must be a mapping of each column to its meaning, but is {columns!r}")
    function = _function(path, header.get("function"), columns)
    if function is not None:
        columns = {column: meaning for column, (_, meaning) in columns.items()}
    if not isinstance(checks, list) or not all(isinstance(entry, dict) for entry in checks):
        raise ModelError(f"{path}: checks must be a list of expectations, each with its arguments, but is {checks!r}")
    key = header.get("key", [])
    if not isinstance(key, list) or not all(isinstance(name, str) for name in key):
        raise ModelError(f"{path}: key must be a list of columns like [day, language], but is {key!r}")
    if not all(arguments is None or isinstance(arguments, dict) for entry in checks for arguments in entry.values()):
        raise ModelError(f"{path}: the arguments of an expectation must be a mapping like {{column: day}}: {checks!r}")
    model = Model(
        path=path,
        family=family,
        kind=kind,
        name=name,
        description=_text(path, "description", header["description"], grain),
        key=tuple(key),
        columns={column: _text(path, column, doc, grain) for column, doc in columns.items()},
        checks=tuple((name, arguments or {}) for entry in checks for name, arguments in entry.items()),
        select=select.strip(),
        is_in_lake_only=_is_in_lake_only(path, header.get("kept"), grain),
        function=function,
        measure=_measure(path, name, header),
        parameters={name: str(doc) for name, doc in header.get("parameters", {}).items()},
    )
    _validate(model)
    return model


def _function(path: Path, declared: object, columns: Mapping[str, object]) -> Function | None:
    """The function of a header, with the types of the table's columns: `day: [date, Its meaning.]`."""
    if declared is None:
        return None
    if path.parent.name != "aggregates":
        raise ModelError(f"{path}: only a table below aggregates has a function")
    if not isinstance(declared, dict) or set(declared) - {"reads"} != {"name", "version"}:
        raise ModelError(f"{path}: function must be like {{name: module_catalog, version: 1}}, but is {declared!r}")
    types = {}
    for column, text in columns.items():
        if not isinstance(text, list) or len(text) != 2 or not all(isinstance(part, str) for part in text):  # noqa: PLR2004
            raise ModelError(
                f"{path}: a table with a function has a type and a meaning for each column, like [date, The day.]; "
                f"{column} has {text!r}"
            )
        types[column] = text[0]
    return Function(str(declared["name"]), str(declared["version"]), types, tuple(declared.get("reads", ())))


def _measure(path: Path, name: str, header: Mapping[str, Any]) -> Measure | None:
    """What the header of a series says of its numbers."""
    if path.parent.name != "series":
        return None
    if not name.endswith(tuple(f"_{grain}" for grain in SERIES_GRAINS)):
        raise ModelError(f"{path}: the name of a series ends in its grain, _1h or _1d")
    if header.get("unit") not in UNITS:
        raise ModelError(f"{path}: unit must be one of {', '.join(UNITS)}, but is {header.get('unit')!r}")
    if header.get("absent", ZERO) != ZERO:
        raise ModelError(f"{path}: absent must be {ZERO}, or left out if a missing bucket is unknown")
    forecast = header.get("forecast")
    if forecast not in (None, *FORECASTS):
        raise ModelError(f"{path}: forecast must be {' or '.join(FORECASTS)}, or left out, but is {forecast!r}")
    noun = header.get("entity", "")
    if not isinstance(noun, str):
        raise ModelError(f"{path}: entity must be a word for what is measured, like service, but is {noun!r}")
    bad = header.get("bad", "both")
    if bad not in ("up", "down", "both"):
        raise ModelError(f"{path}: bad must be up or down, or left out if both are, but is {bad!r}")
    limit = header.get("limit", {"value": None, "action": ""})
    if not isinstance(limit, dict) or set(limit) != {"value", "action"} or isinstance(limit["value"], str):
        raise ModelError(f"{path}: limit must be like {{value: 80, action: add capacity}}, but is {limit!r}")
    return Measure(
        header["unit"], "absent" in header, forecast is not None, forecast == FORECASTS[1], noun, bad, limit["value"],
        limit["action"],
    )  # fmt: skip


def _is_in_lake_only(path: Path, kept: object, grain: str | None) -> bool:
    """Whether the header says `kept: lake`, of the table or of its variants with some suffixes: `kept: {1m: lake}`."""
    where = kept.get(grain) if isinstance(kept, dict) else kept
    if where not in (None, "lake") or (isinstance(kept, dict) and grain is None):
        raise ModelError(f"{path}: kept must be lake, or like {{1m: lake}} for some suffixes, but is {kept!r}")
    if where and path.parent.name != "aggregates":
        raise ModelError(f"{path}: kept: lake is for tables below aggregates; this one has no partitions")
    return where == "lake"


def _text(path: Path, what: str, text: object, grain: str | None) -> str:
    """A text of the header; if the header has one text for each suffix, the one for this suffix."""
    if not isinstance(text, dict):
        return str(text).strip()
    suffixes = list(names_in(path).values())
    if grain is None or list(text) != suffixes:
        expected = "one text" if grain is None else f"one for each of {', '.join(map(str, suffixes))} in this order"
        raise ModelError(f"{path}: {what} has texts for {', '.join(map(str, text))}; expected {expected}")
    return str(text[grain]).strip()


def _validate(model: Model) -> None:
    if model.kind in ("aggregates", "views") and not (model.key and model.columns):
        raise ModelError(f"{model.path}: the header of a table needs key and columns")
    if missing := set(model.key) - set(model.columns):
        raise ModelError(f"{model.path}: key columns {sorted(missing)} are not among the columns")
    used = {placeholder.name for placeholder in model.expression.find_all(exp.Placeholder)}
    if unknown := used - PARAMETERS[model.kind] - set(model.parameters):
        raise ModelError(f"{model.path}: unknown parameters {sorted(unknown)}, expected {PARAMETERS[model.kind]}")
    if unused := set(model.parameters) - used:
        raise ModelError(
            f"{model.path}: the header has the parameters {sorted(unused)}, which the SELECT does not name"
        )
    if list(model.expression.find_all(exp.Star)) and any(s.is_star for s in model.expression.selects):
        raise ModelError(f"{model.path}: name the columns instead of select *")
    _validate_outputs(model)


def _validate_outputs(model: Model) -> None:
    """The columns of the SELECT are those that its kind must have."""
    outputs = [column.alias_or_name for column in model.expression.selects]
    if model.function:
        if model.cadence != "day":
            raise ModelError(f"{model.path}: a table with a function is kept by day; its name ends in _daily")
    elif model.kind == "series":
        if wrong := wrong_columns(model.name, outputs):
            raise ModelError(f"{model.path}: {wrong}")
    elif model.kind in ("aggregates", "views", "reports", "queries") and outputs != list(model.columns):
        raise ModelError(f"{model.path}: the header documents {list(model.columns)}, the SELECT gives {outputs}")
