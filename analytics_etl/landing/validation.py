"""A contract as DuckDB SQL: one SELECT that turns records into typed rows, each with the reason of its rejection.

It reads text in every file format, so that the same rule applies to the same value everywhere.
"""

import re
from collections.abc import Collection

from analytics_etl.catalog.contracts import Column, Constraint, Contract
from analytics_etl.landing import json_columns
from analytics_etl.landing.fields import PASSED_ON, Fields, Origin, literal, quote
from analytics_etl.landing.json_text import may_be_odd, shown, text_problem, written
from analytics_etl.landing.rejections import LONGEST_CONTENT

EXPECTED = {
    "uuid": "a UUID",
    "timestamptz": "a timestamp with a time zone, like 2025-03-31T23:59:59Z",
    "text": "text",
    "bigint": "a whole number",
    "double precision": "a number",
    "boolean": "true or false",
    "jsonb": "JSON",
}
EARLIEST = "timestamptz '1970-01-01 00:00:00+00'"
LATEST = "timestamptz '9999-12-31 00:00:00+00'"


def validated(contract: Contract, fields: Fields) -> str:
    """The SELECT of the contract's typed columns and of _file, _line, _day, _reason and _content.

    _reason is NULL for a valid row; _day is NULL if the event has no usable time; _content is NULL without a reason.
    A relation with rows for other tables (`fields.has_others`) adds _is_wanted.
    """
    typed = ",\n".join(_typed(column, fields.origins[column.name]) for column in contract.columns)
    texts = ", ".join(f"{_given(c)} as {_text(c)}" for c in contract.columns if fields.origins[c.name] != "absent")
    outputs = ", ".join(quote(column.name) for column in contract.columns)
    others = ", _is_wanted" if fields.has_others else ""
    odd = f", {may_be_odd(fields.odd_texts)} as _is_odd" if fields.odd_texts else ""
    time = quote(contract.time_column)
    day = f"date '1970-01-01' + (epoch_us({time}) // 86400000000)::integer"  # AT TIME ZONE is slow: it asks a calendar
    return f"""
        select {outputs}, _file, _line, _day, _reason,
            case when _reason is not null then left({fields.content}, {LONGEST_CONTENT}) end as _content{others}
        from (
            select *,
                case when {time} between {EARLIEST} and _found_at + interval 1 day
                    then {day} end as _day,
                {_reason(contract, fields)} as _reason
            from (
                select {", ".join(PASSED_ON)}{others}{odd}, {texts},
                    {typed}
                from ({fields.relation})
            )
        )"""


def _text(column: Column) -> str:
    return quote(f"_text_{column.name}")


def _given(column: Column) -> str:
    """A column's value as it came. JSON's null is no value."""
    return f"nullif(trim({quote(column.name)}), 'null')" if column.type == "jsonb" else quote(column.name)


def _typed(column: Column, origin: Origin) -> str:  # noqa: PLR0911 - one return for each type
    name = quote(column.name)
    if origin == "absent":
        return f"null::{column.duckdb_type} as {name}"
    if column.type == "text" or origin == "typed":
        return name
    if column.type == "bigint":
        # A cast alone rounds 1.5 and 1e-1. So a text must equal the cast, or look like a whole number.
        cast = f"try_cast({name} as bigint)"
        whole = "regexp_full_match(trim({0}), '[+-]?[0-9]+(\\.0+)?') then try_cast({0} as bigint)"
        if origin == "json":  # DuckDB shows 1e0 and 0.99999999999999999999 as 1.0
            real = f"when regexp_full_match({name}, '-?[0-9]+(\\.[0-9]+)?') then case when "
            return f"""case when {cast}::varchar = {name} then {cast}
                {real}{whole.format(written(column.name))} end end as {name}"""
        return f"case when {cast}::varchar = {name} then {cast} when {whole.format(name)} end as {name}"
    if column.type == "boolean" and origin == "json":
        return f"case {name} when 'true' then true when 'false' then false end as {name}"
    if column.type == "double precision":
        return f"case when isfinite(try_cast({name} as double)) then try_cast({name} as double) end as {name}"
    if column.type == "jsonb":
        return f"{json_columns.value(_given(column), column.name, origin)} as {name}"
    if column.type == "timestamptz":
        # A cast would assume a time zone where the text has none.
        zoned = f"regexp_full_match({name}, '[^T ]+[T ][0-9:.]+ ?(Z|z|[+-][0-9][0-9](:?[0-9][0-9])?)')"
        return f"""case when ends_with({name}, 'Z') then try_cast({name} as timestamptz)
            when {zoned} then try_cast(upper({name}) as timestamptz) end as {name}"""
    return f"try_cast({name} as {column.duckdb_type}) as {name}"


def _reason(contract: Contract, fields: Fields) -> str:
    """The first problem of a row, as one CASE."""
    what = "no JSON object" if fields.is_json else "no record"
    cases = [f"when not _is_record then 'the line is {what}'"]
    if fields.may_have_problems:
        problem = _without_personal("_problem", {*contract.personal_columns, *fields.personal})
        cases.append(f"when _problem is not null then {problem}")
    if fields.odd_texts:
        problem = f"coalesce({', '.join(text_problem(name) for name in fields.odd_texts)})"
        problem = _without_personal(problem, contract.personal_columns)
        cases.append(f"when case when _is_odd then {problem} is not null else false end then {problem}")
    for column in contract.columns:
        cases += _column_cases(contract, column, fields)
    cases += [_constraint_case(contract, constraint) for constraint in contract.constraints]
    return "case " + "\n".join(cases) + " end"


def _without_personal(problem: str, personal: Collection[str]) -> str:
    """A problem without the value, if its column is personal: reasons are kept longer than personal data."""
    if not personal:
        return problem
    begins = "|".join(re.escape(name) for name in sorted(personal))
    pattern = literal(f"(?s)^({begins}): (.*?, got ).*")
    return f"regexp_replace({problem}, {pattern}, '\\1: \\2something else')"


def _column_cases(contract: Contract, column: Column, fields: Fields) -> list[str]:
    """The reasons why a column rejects a row: missing, not readable, or a time out of range."""
    name, text, origin = quote(column.name), _text(column), fields.origins[column.name]
    cases = []
    if origin == "absent":
        return [f"when true then '{column.name}: is missing'"] if column.is_required else []
    if column.is_required:
        cases.append(f"when {text} is null then '{column.name}: is missing'")
    if column.type == "text":
        holds_nul = f"_may_hold_nul and contains({name}, chr(0))"
        cases.append(f"when {holds_nul} then '{column.name}: holds a NUL byte, which text must not'")
        return cases
    came = shown(column.name, text) if origin == "json" else text + "::varchar"
    why = f" || ', which ' || {json_columns.problem(text, column.name, origin)}" if column.type == "jsonb" else ""
    # Reasons are kept longer than personal data, so they must not repeat it.
    given = "'something else'" if column.name in contract.personal_columns else f"left({came}, 100)"
    cases.append(
        f"when {name} is null and {text} is not null "
        f"then '{column.name}: expected {EXPECTED[column.type]}, got ' || {given}{why}"
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
    """The reason of a row that breaks a CHECK constraint, with the values of its columns."""
    names = [column.name for column in contract.columns if column.name in constraint.columns]
    shown = {n: f"left({quote(n)}::varchar, 100)" for n in names}
    shown |= {n: f"case when {quote(n)} is not null then '(personal data)' end" for n in contract.personal_columns}
    came = " || ', ' || ".join(f"'{n} = ' || coalesce({shown[n]}, 'NULL')" for n in names)
    rule = f"{constraint.name}: expected {constraint.condition}".replace("'", "''")
    return f"when not ({constraint.duckdb_condition}) then '{rule}, got ' || {came}"
