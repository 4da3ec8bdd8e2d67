"""Source mappings: a SELECT that computes a contract's fields from a foreign file's columns, and its checks.

A row gives one row, or with `cross join unnest([{…}, …]) as many (one)` one for each element of the list, such as the
metrics of a wide row. The elements name columns and constants only, so that no list fails, which would lose its row.
"""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any

import duckdb
from sqlglot import exp

from analytics_etl.catalog.contracts import Contract
from analytics_etl.catalog.models import Model, ModelError
from analytics_etl.landing.fields import PASSED_ON, Fields, Origin, quote

LINE = "_line"
"""The line number, the only column a mapping may read beside those of the file."""

_PARTS = {"expressions", "from", "from_", "joins", "where"}
"""Parts that a mapping's SELECT may have: it maps row to row, or to the elements of a list."""

_SESSION_FUNCTIONS = {"current_localtime", "current_localtimestamp", "current_user", "session_user", "user", "version"}
"""Functions that depend on the session and not on the row, though DuckDB does not mark them as volatile."""


def mapping_inputs(mapping: Model) -> list[str]:
    """The foreign columns a source mapping reads, sorted."""
    element = _element(mapping.expression)
    found = {
        column.name for column in mapping.expression.find_all(exp.Column) if column.table != element or not element
    }
    return sorted(found - {LINE, element})


def mapped_fields(contract: Contract, mapping: Model, relation: str, *, may_have_problems: bool = False) -> Fields:
    """The fields that a source mapping computes from a foreign file's relation, all as text.

    A mapping with a WHERE adds _is_wanted: false where the condition is false or NULL, and true for rows that already
    have a problem.
    """
    select = _select(mapping)
    outputs = _outputs(mapping)
    if unknown := [name for name in outputs if name not in {column.name for column in contract.columns}]:
        raise ModelError(f"{mapping.path}: {contract.table} has no columns {unknown}")
    for cast in list(select.find_all(exp.Cast)):
        if not isinstance(cast, exp.TryCast):  # a bad value rejects its row and must not stop the run
            cast.replace(exp.TryCast(**cast.args))
    where = select.args.pop("where", None)
    values = ", ".join(f"{_or_null(value.unalias())} as {quote(value.alias_or_name)}" for value in select.selects)
    is_wanted = (
        ""
        if where is None
        else f", not _is_record or _problem is not null or coalesce({_or_null(where.this)}, false) as _is_wanted"
    )
    source = select.find(exp.From)
    assert source is not None
    passed_on = ", ".join(PASSED_ON)
    texts = ", ".join(f"{quote(name)}::varchar as {quote(name)}" for name in outputs)
    statement = f"select {passed_on}{is_wanted}, {values} {source.sql('duckdb')}{_elements(select)}"
    others = "" if where is None else ", _is_wanted"
    origins: dict[str, Origin] = {c.name: "text" if c.name in outputs else "absent" for c in contract.columns}
    return Fields(
        f"with source as ({relation}) select {passed_on}{others}, {texts} from ({statement})",
        origins, may_have_problems=may_have_problems, has_others=where is not None,
        personal=tuple(sorted(_inputs_of(select, contract.personal_columns))),
    )  # fmt: skip


def _elements(select: exp.Query) -> str:
    """The join with the elements of a list, if there is one; a row that has a problem stays one row."""
    if (unnest := _unnest(select)) is None:
        return ""
    [found] = unnest.expressions
    elements, alias = found.sql("duckdb"), unnest.args["alias"].sql("duckdb")
    one = f"case when _is_record and _problem is null then {elements} else ({elements})[:1] end"
    return f" cross join unnest({one}) as {alias}"


def _unnest(select: exp.Query) -> exp.Unnest | None:
    """The list that a mapping joins its rows with."""
    return next((join.this for join in select.args.get("joins") or () if isinstance(join.this, exp.Unnest)), None)


def _element(select: exp.Query) -> str:
    """The name of an element of that list; an empty text without one."""
    unnest = _unnest(select)
    alias = None if unnest is None else unnest.args.get("alias")
    return next((column.name for column in alias.columns), "") if isinstance(alias, exp.TableAlias) else ""


def _inputs_of(select: exp.Select, outputs: Collection[str]) -> set[str]:
    """The foreign columns that some outputs are computed from."""
    values = [value for value in select.selects if value.alias_or_name in outputs]
    return {column.name for value in values for column in value.find_all(exp.Column)}


def _or_null(value: exp.Expr) -> str:
    """An expression that gives NULL where it fails."""
    return value.sql("duckdb") if isinstance(value, exp.Column | exp.Literal) else f"try({value.sql('duckdb')})"


def check_mappings(contracts: Iterable[Contract], mappings: Mapping[str, Model]) -> None:
    """Raise ModelError, which names the file and the problem, for the first mapping of a family that cannot work."""
    tables = list(contracts)
    for mapping in mappings.values():
        _check(mapping)
        fitting = [contract for contract in tables if set(_outputs(mapping)) <= {c.name for c in contract.columns}]
        if not fitting:
            raise ModelError(f"{mapping.path}: no event table of {mapping.family} has the columns {_outputs(mapping)}")
        missing = {
            contract.table: [c.name for c in contract.columns if c.is_required and c.name not in _outputs(mapping)]
            for contract in fitting
        }
        if all(missing.values()):
            needs = "; ".join(f"{table} needs {names}, too" for table, names in missing.items())
            raise ModelError(f"{mapping.path}: every row would be rejected: {needs}")
        for contract in fitting:
            if not missing[contract.table]:
                _bind(mapping, contract)


def _check(mapping: Model) -> None:
    """Raise ModelError unless a mapping computes one row from each row, and from nothing else."""
    names = mapping_inputs(mapping)
    if reserved := [name for name in names if name.startswith("_")]:
        raise ModelError(f"{mapping.path}: reads {reserved}, expected columns of a file, or {LINE}")
    if alike := [name for name, later in zip(_folded(names), _folded(names)[1:], strict=False) if name == later]:
        raise ModelError(f"{mapping.path}: reads columns that differ by upper and lower case only: {alike}")
    outputs = _outputs(mapping)
    if not all(outputs) or len(set(outputs)) < len(outputs):
        raise ModelError(f"{mapping.path}: each output needs a name of its own, expected `… as name`; got {outputs}")
    select, element = _select(mapping), _element(mapping.expression)
    select.args.pop("joins", None)
    parsed = _parsed(select.sql("duckdb"))
    if parsed.get("error"):
        raise ModelError(f"{mapping.path}: DuckDB does not know this statement: {parsed.get('error_message')}")
    kinds = _function_kinds()
    for node in _nodes(parsed):
        function, arguments = str(node.get("function_name", "")).lower(), node.get("arguments", [])
        kind = kinds.get(function, "")
        if node.get("class") in ("WINDOW", "SUBQUERY") or kind == "aggregate" or function == "unnest":
            what = node["class"].lower() if node.get("class") in ("WINDOW", "SUBQUERY") else function
            raise ModelError(
                f"{mapping.path}: {what}: expected expressions of one row, since a mapping maps row to row"
            )
        asks = kind == "volatile" or function in _SESSION_FUNCTIONS or (function == "age" and len(arguments) == 1)
        path = [name.lower() for name in node["column_names"]] if node.get("class") == "COLUMN_REF" else [""]
        column = "" if element and path[0] == element.lower() else path[-1]
        if asks or (column and column not in {*_folded(names), LINE}):
            raise ModelError(
                f"{mapping.path}: {function or column}: its value is not the row's alone, so that reading a file again "
                "would give other rows; expected columns, and functions that give the same each time"
            )


def _bind(mapping: Model, contract: Contract) -> None:
    """Let DuckDB bind the mapping for a table; raise ModelError with DuckDB's error."""
    inputs = ", ".join(f"null::varchar as {quote(name)}" for name in mapping_inputs(mapping))
    relation = f"""select 0 as _file, timestamptz '1970-01-01' as _found_at, 1::bigint as _line, '' as _raw,
        true as _is_record, false as _may_hold_nul, null::varchar as _problem{", " if inputs else ""}{inputs}"""
    # The rules that follow read texts, so they can be bound whatever the mapping computes.
    if problem := _binding_error(mapped_fields(contract, mapping, relation).relation):
        raise ModelError(f"{mapping.path}: DuckDB refuses it: {problem}")


@lru_cache(maxsize=1)
def _engine() -> duckdb.DuckDBPyConnection:
    """An empty DuckDB that checks statements; any thread may use its cursors."""
    return duckdb.connect(config={"threads": 1}).execute("set timezone = 'UTC'")


@lru_cache(maxsize=256)  # tests load the definitions many times
def _binding_error(statement: str) -> str:
    """DuckDB's error for a statement; an empty text if it runs."""
    with _engine().cursor() as connection:
        try:
            connection.execute(statement).fetchall()
        except duckdb.Error as error:
            return str(error).partition("\n\nLINE ")[0].replace("\n", " ")
    return ""


@lru_cache(maxsize=256)
def _parsed(statement: str) -> dict[str, Any]:
    """The syntax tree of a statement, by DuckDB's parser."""
    with _engine().cursor() as connection:
        found = connection.execute("select json_serialize_sql($1)", [statement]).fetchone()
    answer: dict[str, Any] = json.loads("{}" if found is None else found[0])
    return answer


@lru_cache(maxsize=1)
def _function_kinds() -> Mapping[str, str]:
    """{function: "aggregate" or "volatile"}; all other functions are left out."""
    with _engine().cursor() as connection:
        found = connection.execute(
            """
            select lower(function_name),
                case when bool_or(function_type = 'aggregate') then 'aggregate' else 'volatile' end
            from duckdb_functions()
            where function_type = 'aggregate' or (function_type = 'scalar' and stability <> 'CONSISTENT')
            group by 1"""
        ).fetchall()
    return dict(found)


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    """Every object of a JSON value."""
    if isinstance(tree, dict):
        yield tree
        tree = list(tree.values())
    if isinstance(tree, list):
        for part in tree:
            yield from _nodes(part)


def _select(mapping: Model) -> exp.Select:
    """A copy of the mapping's SELECT; raise ModelError unless it is one plain SELECT from source."""
    select = mapping.expression.copy()
    if not isinstance(select, exp.Select):
        raise ModelError(f"{mapping.path}: expected one SELECT from source, not several put together")
    if more := sorted(part for part, value in select.args.items() if value and part not in _PARTS):
        raise ModelError(f"{mapping.path}: has {', '.join(more)}; expected one SELECT from source that maps row to row")
    if joins := select.args.get("joins"):
        _check_elements(mapping, joins)
    tables = list(select.find_all(exp.Table))
    if [(table.db, table.name) for table in tables] != [("", "source")]:
        raise ModelError(f"{mapping.path}: reads from {[table.sql() for table in tables]}, expected `from source`")
    return select


def _check_elements(mapping: Model, joins: list[exp.Join]) -> None:
    """Raise ModelError unless rows are joined with one list of objects of columns and constants, and nothing else."""
    unnest, element = _unnest(mapping.expression), _element(mapping.expression)
    lists = [] if unnest is None else unnest.expressions
    is_list = len(joins) == len(lists) == 1 and isinstance(lists[0], exp.Array) and joins[0].kind == "CROSS"
    values = [value.expression for found in lists for value in found.find_all(exp.PropertyEQ)]
    is_plain = bool(values) and all(isinstance(value, exp.Column | exp.Literal | exp.Null) for value in values)
    if not (is_list and is_plain and element):
        raise ModelError(
            f"{mapping.path}: has joins; expected one SELECT from source that maps row to row, or to the elements of a "
            "list of columns and constants: `cross join unnest([{'name': 'cpu', 'value': cpu}, …]) as many (one)`"
        )


def _outputs(mapping: Model) -> list[str]:
    return [value.alias_or_name for value in mapping.expression.selects]


def _folded(names: Iterable[str]) -> list[str]:
    return sorted(name.lower() for name in names)
