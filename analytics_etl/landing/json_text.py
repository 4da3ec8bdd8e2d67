"""NDJSON lines as a relation, by DuckDB's json_transform, and SQL that finds values which json_transform changes."""

import json
import re
from collections.abc import Iterable, Mapping

from analytics_etl.catalog.contracts import Contract
from analytics_etl.landing import json_columns
from analytics_etl.landing.fields import ROW, Fields, Origin, literal, quote

_MAY_HOLD_NUL = "contains(_raw, '\\u0000') as _may_hold_nul"  # a bare NUL is no JSON


def json_fields(contract: Contract) -> Fields:
    """The fields of NDJSON lines. Numbers and booleans stay JSON, so that the string "5" is not taken for a number."""
    kinds = {c.name: "VARCHAR" if c.type in ("text", "uuid", "timestamptz") else "JSON" for c in contract.columns}
    # json_transform gives a struct of NULLs for JSON that is no object; required columns then reject it.
    names = ", ".join(f"_fields.{quote(name)}::varchar as {quote(name)}" for name in kinds)
    relation = f"""
        select {ROW}, _raw, _fields is not null as _is_record, {_MAY_HOLD_NUL}, null::varchar as _problem, {names}
        from (select {ROW}, _raw, {_parsed(kinds)} as _fields from lines)"""
    origins: dict[str, Origin] = {name: "text" if kind == "VARCHAR" else "json" for name, kind in kinds.items()}
    texts = tuple(column.name for column in contract.columns if column.type == "text")
    return Fields(relation, origins, is_json=True, odd_texts=texts)


def foreign_json(columns: Iterable[str]) -> str:
    """A relation of NDJSON lines with the named keys as text; numbers keep the digits in the line."""
    names = list(columns)
    fields = ", ".join(f"{_as_written(name)} as {quote(name)}" for name in names)
    problems = ", ".join(_foreign_problem(name) for name in names)
    return f"""
        select {ROW}, _raw, _fields is not null as _is_record, {_MAY_HOLD_NUL}, coalesce({problems}, null) as _problem,
            {fields}
        from (
            select *, {", ".join(f"_fields.{quote(name)} as {quote(name)}" for name in names)}
            from (select {ROW}, _raw, {_parsed(dict.fromkeys(names, "VARCHAR"))} as _fields from lines)
        )"""


def _as_written(name: str) -> str:
    """A key's value as text; a number, also in an object or array, with the digits in the line."""
    value = quote(name)
    nested = f"coalesce({json_columns.of_line(value, name)}, {value})"
    return f"""case when {_may_be_odd(name)} then case
        when {_is_real(name)} then {written(name)}
        when {_is_nested(name)} and {json_columns.may_lose_digits(value)} then {nested}
        else {value} end else {value} end"""


def _foreign_problem(name: str) -> str:
    odd = f"{_is_no_number(name)} or ({_is_real(name)} and {written(name)} is null)"
    problem = f"{literal(name + ': expected a number as JSON writes it, got ')} || {quote(name)}"
    return f"case when {_may_be_odd(name)} and ({odd}) then {problem} end"


def _may_be_odd(name: str) -> str:
    """Whether a value may have been no JSON string: a cheap test that excludes nearly all strings.

    A first letter marks a word, unless the word is as long as NaN or Infinity; dots and colons mark versions and
    addresses. What remains is checked by the JSON type of its key.
    """
    value = quote(name)
    is_word = f"{value} >= 'a' and {value} < '{{' and strlen({value}) <> 3 and strlen({value}) <> 8"
    is_dotted = f"{value} < ':' and ({value} like '%.%.%' or contains({value}, ':'))"
    looks_odd = f"{value} < ':' or {value} ^@ '[' or {value} ^@ '{{' or {_says_no_number(value)}"
    return f"case when {is_word} then false when {is_dotted} then false else {looks_odd} end"


def may_be_odd(names: Iterable[str]) -> str:
    """Whether any of some text columns needs the expensive check `text_problem`."""
    return " or ".join(_may_be_odd(name) for name in names)


def text_problem(name: str) -> str:
    """The problem of a JSON value given for text; NULL if there is none.

    Strings are accepted, and numbers that can be written in one way only: 5 and 1.5, but not 1.10, 1001.0 or 1e3.
    """
    value, digits = quote(name), written(name)
    plain = f"regexp_full_match({value}, '-?(0|[1-9][0-9]*)\\.[0-9]*[1-9]')"
    is_ambiguous = f"{_is_real(name)} and not ({plain} and coalesce({digits} = {value}, false))"
    problem = f"'{name}: expected text, got ' || left({shown(name, value)}, 100)"
    return f"""case when {_may_be_odd(name)} then case
        when {is_ambiguous} then {problem} || ', a number that may be written otherwise; put it in quotes'
        when {_is_no_number(name)} or {_is_nested(name)} then {problem} end end"""


def _is_real(name: str) -> str:
    """Whether a text is a JSON number with a fraction or exponent, which json_transform writes anew: 1.10 as 1.1."""
    number = "-?[0-9]+(\\.[0-9]+([eE][+-]?[0-9]+)?|[eE][+-]?[0-9]+)"
    return f"(regexp_full_match({quote(name)}, '{number}') and {_json_type(name)} = 'DOUBLE')"


def _is_no_number(name: str) -> str:
    """Whether a text is NaN or an infinity out of quotes, which DuckDB reads and JSON does not have."""
    return f"({_says_no_number(quote(name))} and {_json_type(name)} = 'DOUBLE')"


def _says_no_number(value: str) -> str:
    return f"regexp_full_match({value}, '(?i)-?(nan|inf|infinity)')"  # DuckDB would make a join of an IN


def _is_nested(name: str) -> str:
    is_bracket = f"({quote(name)} ^@ '[' or {quote(name)} ^@ '{{')"
    return f"({is_bracket} and {_json_type(name)} in ('OBJECT', 'ARRAY'))"


def _json_type(name: str) -> str:
    pointer = "/" + name.replace("~", "~0").replace("/", "~1")
    return f"json_type(_raw, {literal(pointer)})"


def written(name: str) -> str:
    """A number with the digits in the line; NULL if they cannot be found for sure.

    That is so if the key occurs more than once, also within nested objects, or is written with an escape sequence.
    """
    key = re.escape(json.dumps(name, ensure_ascii=False)) + r"\s*:\s*"
    found = f"len(regexp_extract_all(_raw, {literal(key)})) = 1"
    return f"case when {found} then regexp_extract(_raw, {literal(key + '([-+.0-9eE]+)')}, 1) end"


def _parsed(kinds: Mapping[str, str]) -> str:
    """A line as a struct of these keys and types; NULL if it is no JSON.

    After an error TRY repeats the whole vector row by row. So lines that were cut off, the most common damage, are
    excluded before: they do not end with a brace. Two branches, since OR would trim every line.
    """
    parsed = f"try(json_transform(_raw, {literal(json.dumps(kinds, ensure_ascii=False))}))"
    blanks = "' ' || chr(9) || chr(10) || chr(13)"
    return f"""case when ends_with(_raw, '}}' || chr(10)) then {parsed}
        when ends_with(rtrim(_raw, {blanks}), '}}') then {parsed} end"""


def shown(name: str, text: str) -> str:
    """A JSON value for a message; a number with the digits in the line, if they can be found."""
    is_number = f"regexp_full_match({text}, '-?[0-9.]+([eE].*)?')"
    return f"case when {is_number} then coalesce({written(name)}, {text}) else {text} end"
