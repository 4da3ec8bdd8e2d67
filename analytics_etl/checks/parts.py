"""The CTEs of a check's SELECT: which of them PostgreSQL may run alone, so that DuckDB gets only what comes of them."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import sqlglot
from sqlglot import Token, TokenType


@dataclass(frozen=True)
class Part:
    """A CTE of a SELECT, or what comes after the CTEs (without a name)."""

    name: str
    text: str
    """As it stands in the statement: with its name, for a CTE."""
    names: frozenset[str]
    """Everything with a dot in it, tables with their schema among them, and the placeholders in braces."""
    words: frozenset[str]
    """All names in it; those of other CTEs are among them."""


@dataclass(frozen=True)
class Split:
    """A SELECT for DuckDB, and the CTEs that PostgreSQL runs for it."""

    select: str
    brought: dict[str, str]
    """{name of a CTE that is no longer in the SELECT: a SELECT of its rows for PostgreSQL}"""
    names: frozenset[str]
    """The names in the SELECT for DuckDB, see `Part`."""


def split(select: str, in_postgres: Collection[str], in_lake: Collection[str]) -> Split:
    """Take the CTEs that read tables in PostgreSQL, and none in the lake, out of a SELECT."""
    *ctes, rest = _parts(select)
    local: dict[str, Part] = {}  # PostgreSQL may run these
    reading = set[str]()  # these of them read a table
    for part in ctes:
        others = part.words.intersection(cte.name for cte in ctes) - {part.name}
        if part.names.isdisjoint(in_lake) and others <= local.keys():
            local[part.name] = part
            if not part.names.isdisjoint(in_postgres) or others & reading:
                reading.add(part.name)
    kept = [part for part in ctes if part.name not in reading]
    used = frozenset[str]().union(*(part.words for part in (*kept, rest)))
    prefix = ", ".join(part.text for part in local.values())
    with_ctes = f"with {', '.join(part.text for part in kept)}\n" if kept else ""
    return Split(
        with_ctes + rest.text,
        {name: f"with {prefix}\nselect * from {name}" for name in sorted(reading & used)},
        frozenset[str]().union(*(part.names for part in (*kept, rest))),
    )


@lru_cache(maxsize=1024)  # a range judges the same SELECT for many partitions, and finding tokens takes milliseconds
def _parts(select: str) -> Sequence[Part]:
    """The CTEs of a SELECT in order, then the rest; no CTEs for one with RECURSIVE."""
    tokens = sqlglot.tokenize(select, dialect="postgres")
    found, position = list[Part](), 0
    if tokens[0].token_type == TokenType.WITH and tokens[1].token_type != TokenType.RECURSIVE:
        for first, last in _ctes(tokens):
            of_cte = tokens[first : last + 1]
            found.append(_part(tokens[first].text, select[tokens[first].start : tokens[last].end + 1], of_cte))
            position = last + 1
    start = tokens[position].start
    return [*found, _part("", select[start:], tokens[position:])]


def _ctes(tokens: Sequence[Token]) -> Iterator[tuple[int, int]]:
    """The (first, last) token of each CTE: its name and the parenthesis after its SELECT."""
    first = position = 1
    depth, is_body = 0, False
    while True:
        kind = tokens[position].token_type
        if kind == TokenType.L_PAREN:
            depth += 1
        elif kind == TokenType.R_PAREN:
            depth -= 1
            if depth == 0 and is_body:
                yield first, position
                if tokens[position + 1].token_type != TokenType.COMMA:
                    return
                position += 1
                first, is_body = position + 1, False
        elif kind == TokenType.ALIAS and depth == 0:
            is_body = True
        position += 1


def _part(name: str, text: str, tokens: Sequence[Token]) -> Part:
    threes = list(zip(tokens, tokens[1:], tokens[2:], strict=False))
    dotted = {f"{a.text}.{b.text}" for a, dot, b in threes if dot.token_type == TokenType.DOT}
    braced = {f"{{{word.text}}}" for brace, word, _ in threes if brace.token_type == TokenType.L_BRACE}
    return Part(name, text, frozenset(dotted | braced), frozenset(token.text for token in tokens))
