"""JSON in the one form of the lake, and as PostgreSQL writes it: equal values are equal texts."""

import json
from typing import Any

import psycopg
import pyarrow as pa
import pytest
from conftest import Server
from hypothesis import given
from hypothesis import strategies as st

from analytics_etl.catalog.json_arrays import map_texts
from analytics_etl.catalog.json_values import JsonError, Reader, as_postgres_writes, canonical, flat, written

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
NUMBERS = st.one_of(
    st.integers(), st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**30), max_value=10**30, places=20)
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | TEXTS | NUMBERS.map(str).map(lambda digits: {"number": digits}),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


def json_of(value: Any) -> str:
    """A value as JSON with blanks; {"number": digits} as the number with these digits."""
    if isinstance(value, dict) and list(value) == ["number"] and isinstance(value["number"], str):
        return value["number"]
    if isinstance(value, dict):
        return "{ " + " , ".join(f"{json.dumps(k)} : {json_of(v)}" for k, v in reversed(value.items())) + " }"
    if isinstance(value, list):
        return "[ " + " , ".join(map(json_of, value)) + " ]"
    return json.dumps(value)


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ('{"b": "x", "a": {"d": null, "c": [1, true]}}', '{"a":{"c":[1,true],"d":null},"b":"x"}'),
        ('{"aa": 1, "b": 2, "B": 3, "\u00e9": 4, "\U0001f600": 5, "\uffee": 6}',
         '{"B":3,"aa":1,"b":2,"\u00e9":4,"\uffee":6,"\U0001f600":5}'),
        ('"caf\\u00e9 \\ud83d\\ude00 \\/ \\t \\u007f \\u001f"', '"caf\u00e9 \U0001f600 / \\t \x7f \\u001f"'),
        ('"\\\\u0000"', '"\\\\u0000"'),
        (" [ ] ", "[]"),
        ("1.50", "1.5"), ("1e3", "1000"), ("1E-7", "0.0000001"), ("-0.0", "0"), ("-0", "0"),
        ("100", "100"), ("10.0", "10"),
        ("0.12345678901234567890123", "0.12345678901234567890123"),
        ("123456789012345678901234567890", "123456789012345678901234567890"), ("1e400", "1" + 400 * "0"),
        ("[" * 100 + "]" * 100, "[" * 100 + "]" * 100),
    ],
)  # fmt: skip
def test_the_form(text: str, form: str) -> None:
    assert canonical(text) == form
    assert canonical(form) == form


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "is no JSON"), ("{", "is no JSON"), ("{'a': 1}", "is no JSON"), ('{"a": 1,}', "is no JSON"),
        ("01", "is no JSON"), ("1 2", "is no JSON"), ('"a\nb"', "is no JSON"),
        ("NaN", "has NaN, which is no JSON"), ("[-Infinity]", "has -Infinity, which is no JSON"),
        ('{"x": {"a": 1, "\\u0061": 1}}', 'has the key "a" more than once in an object'),
        ('["a\\u0000"]', "holds a NUL byte, which text must not"), ('{"\\u0000": 1}', "holds a NUL byte"),
        ('"\\ud800"', "holds half of a surrogate pair"),
        ("[" * 101 + "]" * 101, "is nested more than 100 levels deep"),
        ("[" * 100_000, "is nested more than 100 levels deep"),
        ("1e1000", "has a number of more than 1,000 digits"), ("1e-9999999999999999999", "has a number of more than"),
        ("1" * 5_000, "has a number of more than"),
    ],
)  # fmt: skip
def test_what_is_no_value(text: str, why: str) -> None:
    with pytest.raises(JsonError, match=why):
        canonical(text)


PARTS = ['"a"', '"b"', '"\\u0061"', '"\\""', '"1.50"', "1.50", "[]", '{"a":"a"}', '"\u00e9"', "null"]


@given(st.lists(st.sampled_from(PARTS), max_size=8), st.sampled_from([",", ", "]), st.sampled_from([":", " :"]))
def test_an_object_of_texts_has_a_short_way_to_the_same_form(parts: list[str], comma: str, colon: str) -> None:
    text = "{" + comma.join(f"{key}{colon}{value}" for key, value in zip(parts[::2], parts[1::2], strict=False)) + "}"
    reader = Reader()
    try:
        form = written(reader.read(text), has_fractions=reader.has_fractions)
    except JsonError:
        assert flat(text) is None
    else:
        assert flat(text) in (form, None)


def test_the_short_way_is_taken() -> None:
    assert flat('{"a":"1.5","b":"x, :y"}') == '{"a":"1.5","b":"x, :y"}'
    assert flat('{"b":"","a":"{["}') == '{"a":"{[","b":""}'


def test_an_array_of_texts_is_mapped() -> None:
    texts = pa.array(['{"b":1, "a":2}', None, '{"a":2,"b":1}'])
    for values in (texts, pa.array([None], pa.string()), texts.slice(1, 1), texts.slice(0, 0)):
        expected = [None if text is None else '{"a":2,"b":1}' for text in values.to_pylist()]
        assert map_texts(values, canonical).to_pylist() == expected


@pytest.fixture(scope="module")
def postgres(server: Server) -> Any:
    url = server.clone()
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection
    server.drop(url)


@given(value=VALUES)
def test_postgres_and_the_lake_have_the_same_value(postgres: psycopg.Connection[Any], value: Any) -> None:
    text = json_of(value)
    form = canonical(text)
    found = postgres.execute(
        "select ($1::jsonb)::text, ($2::jsonb)::text, $1::jsonb = $2::jsonb, ops.json_bytes($2::jsonb)".replace(
            "$1", "%(a)s"
        ).replace("$2", "%(b)s"),
        {"a": text, "b": form},
    ).fetchone()
    assert found is not None
    assert canonical(found[0]) == form
    assert found[1:] == (as_postgres_writes(form), True, len(as_postgres_writes(form).encode()))
