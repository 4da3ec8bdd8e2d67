"""A contract as DuckDB SQL: one SELECT that turns records into typed rows, each with the reason why it is rejected.

Works on text throughout, whatever the file's format, so that the same value meets the same rule everywhere.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from sqlglot import exp

from analytics_etl.contracts import Column, Constraint, Contract
from analytics_etl.landing.rejections import LONGEST_CONTENT
from analytics_etl.models import Model, ModelError

Origin = Literal["json", "text", "typed", "absent"]
"""How a field reaches us: as raw JSON text (strings still in quotes), as text, with its own type, or not at all."""

EXPECTED = {
    "uuid": "a UUID",
    "timestamptz": "a timestamp with a time zone, like 2025-03-31T23:59:59Z",
    "text": "text",
    "bigint": "a whole number",
    "double precision": "a number",
    "boolean": "true or false",
}
MAY_HOLD_NUL = "contains(_raw, chr(0)) or contains(_raw, '\\u0000') as _may_hold_nul"
JSON_MAY_HOLD_NUL = "contains(_raw, '\\u0000') as _may_hold_nul"  # a bare NUL is no JSON
ROW = "_file, _found_at, _line"
"""What tells a record from all others: number and time of its file, and its line."""

EARLIEST = "timestamptz '1970-01-01 00:00:00+00'"
LATEST = "timestamptz '9999-12-31 00:00:00+00'"


@dataclass(frozen=True)
class Fields:
    """Where the values of a contract's columns come from."""

    relation: str
    """A SELECT that gives ROW, _raw, _is_record, _may_hold_nul and the fields, each under its column's name."""
    origins: dict[str, Origin]
    is_json: bool = False


def json_fields(contract: Contract) -> Fields:
    """The fields of NDJSON lines. Numbers and booleans keep their JSON form, so that "5" is no number."""
    kinds = {c.name: "VARCHAR" if c.type in ("text", "uuid", "timestamptz") else "JSON" for c in contract.columns}
    structure = "{" + ",".join(f'"{name}":"{kind}"' for name, kind in kinds.items()) + "}"
    # json_transform gives a struct of NULLs for JSON that is no object; required columns then reject it.
    names = ", ".join(f"_fields.{quote(name)}::varchar as {quote(name)}" for name in kinds)
    relation = f"""
        select {ROW}, _raw, _fields is not null as _is_record, {JSON_MAY_HOLD_NUL}, {names}
        from (select {ROW}, _raw, {_parsed(structure)} as _fields from lines)"""
    origins: dict[str, Origin] = {name: "text" if kind == "VARCHAR" else "json" for name, kind in kinds.items()}
    return Fields(relation, origins, is_json=True)


def foreign_json(columns: Iterable[str]) -> str:
    """A relation of NDJSON lines with the named keys as text."""
    names = list(columns)
    structure = "{" + ",".join(f'"{name}":"VARCHAR"' for name in names) + "}"
    fields = ", ".join(f"_fields.{quote(name)} as {quote(name)}" for name in names)
    return f"""
        select {ROW}, _raw, _fields is not null as _is_record, {JSON_MAY_HOLD_NUL}, {fields}
        from (select {ROW}, _raw, {_parsed(structure)} as _fields from lines)"""


def _parsed(structure: str) -> str:
    """A line as a struct, NULL when it is no JSON.

    After an error TRY does the whole vector again row by row. Lines that were cut off, by far the most common damage,
    are kept away from it. Two branches, since OR would trim every line.
    """
    parsed = f"try(json_transform(_raw, '{structure}'))"
    blanks = "' ' || chr(9) || chr(10) || chr(13)"
    return f"""case when ends_with(_raw, '}}' || chr(10)) then {parsed}
        when ends_with(rtrim(_raw, {blanks}), '}}') then {parsed} end"""


def mapped_fields(contract: Contract, mapping: Model, relation: str) -> Fields:
    """The fields a source mapping makes of a foreign file's relation, all as text."""
    select = mapping.expression.copy()
    if not isinstance(select, exp.Select) or any(select.args.get(a) for a in ("where", "group", "joins", "distinct")):
        raise ModelError(f"{mapping.path}: a source mapping is one SELECT from source that maps row to row")
    outputs = {column.alias_or_name for column in select.selects}
    if unknown := outputs - {column.name for column in contract.columns}:
        raise ModelError(f"{mapping.path}: {contract.table} has no columns {sorted(unknown)}")
    for cast in list(select.find_all(exp.Cast)):
        if not isinstance(cast, exp.TryCast):  # a value that does not fit must reject its row, not stop the run
            cast.replace(exp.TryCast(**cast.args))
    passed_on = f"{ROW}, _raw, _is_record, _may_hold_nul"
    select = select.select(*passed_on.split(", "), append=True)
    names = ", ".join(f"{quote(name)}::varchar as {quote(name)}" for name in sorted(outputs))
    origins: dict[str, Origin] = {c.name: "text" if c.name in outputs else "absent" for c in contract.columns}
    return Fields(f"with source as ({relation}) select {passed_on}, {names} from ({select.sql('duckdb')})", origins)


def mapping_inputs(mapping: Model) -> list[str]:
    """The foreign columns a source mapping reads, sorted."""
    names = {column.name for column in mapping.expression.find_all(exp.Column)}
    return sorted(name for name in names if not name.startswith("_"))


def validated(contract: Contract, fields: Fields) -> str:
    """The SELECT that gives the contract's columns typed, and _file, _line, _day, _reason, _content.

    _reason is NULL for a valid row; _day is NULL when the event has no usable time; _content only comes with a reason.
    """
    typed = ",\n".join(_typed(column, fields.origins[column.name]) for column in contract.columns)
    texts = ", ".join(f"{quote(c.name)} as {_text(c)}" for c in contract.columns if fields.origins[c.name] != "absent")
    outputs = ", ".join(quote(column.name) for column in contract.columns)
    time = quote(contract.time_column)
    day = f"date '1970-01-01' + (epoch_us({time}) // 86400000000)::integer"  # AT TIME ZONE asks a calendar for each row
    return f"""
        select {outputs}, _file, _line, _day, _reason,
            case when _reason is not null then left(_raw, {LONGEST_CONTENT}) end as _content
        from (
            select *,
                case when {time} between {EARLIEST} and _found_at + interval 1 day
                    then {day} end as _day,
                {_reason(contract, fields)} as _reason
            from (
                select {ROW}, _raw, _is_record, _may_hold_nul, {texts},
                    {typed}
                from ({fields.relation})
            )
        )"""


def quote(name: str) -> str:
    """A name as a quoted identifier."""
    return '"' + name.replace('"', '""') + '"'


def _text(column: Column) -> str:
    return quote(f"_text_{column.name}")


def _typed(column: Column, origin: Origin) -> str:  # noqa: PLR0911 - one return for each type
    name = quote(column.name)
    if origin == "absent":
        return f"null::{column.duckdb_type} as {name}"
    if column.type == "text":
        return name
    if origin == "typed":
        return f"try_cast({name} as {column.duckdb_type}) as {name}"
    if column.type == "bigint":
        # A cast alone rounds 1.5 and 1e-1; what does not read back the same must look like a whole number.
        cast = f"try_cast({name} as bigint)"
        return f"""case when {cast}::varchar = {name} then {cast}
            when regexp_full_match(trim({name}), '[+-]?[0-9]+(\\.0+)?') then {cast} end as {name}"""
    if column.type == "boolean" and origin == "json":
        return f"case {name} when 'true' then true when 'false' then false end as {name}"
    if column.type == "double precision":
        return f"case when isfinite(try_cast({name} as double)) then try_cast({name} as double) end as {name}"
    if column.type == "timestamptz":
        # Without a zone a cast would guess one.
        zoned = f"regexp_full_match({name}, '[^T ]+[T ][0-9:.]+ ?(Z|z|[+-][0-9][0-9](:?[0-9][0-9])?)')"
        return f"""case when ends_with({name}, 'Z') then try_cast({name} as timestamptz)
            when {zoned} then try_cast(upper({name}) as timestamptz) end as {name}"""
    return f"try_cast({name} as {column.duckdb_type}) as {name}"


def _reason(contract: Contract, fields: Fields) -> str:
    """The first thing that is wrong with a row, as one CASE."""
    what = "no JSON object" if fields.is_json else "no record"
    cases = [f"when not _is_record then 'the line is {what}'"]
    for column in contract.columns:
        cases += _column_cases(contract, column, fields)
    cases += [_constraint_case(contract, constraint) for constraint in contract.constraints]
    return "case " + "\n".join(cases) + " end"


def _column_cases(contract: Contract, column: Column, fields: Fields) -> list[str]:
    name, text, origin = quote(column.name), _text(column), fields.origins[column.name]
    cases = []
    if origin == "absent":
        return [f"when true then '{column.name}: is missing'"] if column.is_required else []
    if column.is_required:
        cases.append(f"when {text} is null then '{column.name}: is missing'")
    if column.type == "text":
        holds_nul = f"_may_hold_nul and contains({name}, chr(0))"
        cases.append(f"when {holds_nul} then '{column.name}: holds a NUL byte, which text must not'")
        if fields.is_json:  # a JSON object or array given for text; the type is looked up only for what looks like one
            kind = f"json_type(_raw, '$.\"{column.name}\"')"
            # What is personal is emptied after its time; a reason stays.
            came = f"lower({kind})" if column.name in contract.personal_columns else f"left({name}, 100)"
            cases.append(
                f"when (({name} >= '[' and {name} < '\\') or ({name} >= '{{' and {name} < '|')) "
                f"and {kind} in ('OBJECT', 'ARRAY') then '{column.name}: expected text, got ' || {came}"
            )
        return cases
    given = "'something else'" if column.name in contract.personal_columns else f"left({text}::varchar, 100)"
    cases.append(
        f"when {name} is null and {text} is not null "
        f"then '{column.name}: expected {EXPECTED[column.type]}, got ' || {given}"
    )
    if column.name == contract.time_column:
        latest = f"{given} || ' is more than one day after the file was found (' || _found_at || ')'"
        cases.append(f"when {name} > _found_at + interval 1 day then '{column.name}: ' || {latest}")
    if column.type == "timestamptz":
        cases.append(
            f"when {name} < {EARLIEST} or {name} > {LATEST} "
            f"then '{column.name}: ' || {given} || ' is outside the years 1970 to 9999'"
        )
    return cases


def _constraint_case(contract: Contract, constraint: Constraint) -> str:
    names = [column.name for column in contract.columns if column.name in constraint.columns]
    shown = {n: f"left({quote(n)}::varchar, 100)" for n in names}
    shown |= {n: f"case when {quote(n)} is not null then '(personal data)' end" for n in contract.personal_columns}
    came = " || ', ' || ".join(f"'{n} = ' || coalesce({shown[n]}, 'NULL')" for n in names)
    rule = f"{constraint.name}: expected {constraint.condition}".replace("'", "''")
    return f"when not ({constraint.duckdb_condition}) then '{rule}, got ' || {came}"
