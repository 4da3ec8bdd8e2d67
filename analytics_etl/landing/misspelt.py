"""Unknown columns of a file whose names look like a wanted column that the file lacks."""

from collections.abc import Collection, Iterable, Iterator
from difflib import get_close_matches
from functools import lru_cache
from json import loads

import pyarrow as pa
import pyarrow.compute as pc

from analytics_etl.landing.rejections import UNKNOWN_COLUMN, FileState

CLOSE = 0.8
"""Least share of common letters: lenguage and languages are likely meant, client_version for target_version is not."""

LINES_READ = 8
"""Lines per batch of about 1 MB whose keys are read, evenly spread. More would slow the load down."""

LONGEST_LINE_READ, LONGEST_NAME, MOST_KEYS = 1 << 16, 100, 1_000
"""Limits: characters of a line, characters of a name, names of a file. Events have a few dozen columns, so anything
beyond these is ignored.
"""


def note_misspelt(state: FileState, names: Iterable[str], wanted: Collection[str]) -> None:
    """Add a reason to a file's state that lists its likely misspelt columns.

    It becomes the first reason, so that checks find it by its beginning.
    """
    found = misspelt(frozenset(name for name in names if len(name) <= LONGEST_NAME), frozenset(wanted))
    if found:
        suggestions = (f"{UNKNOWN_COLUMN}{name}, did you mean {meant}?" for name, meant in sorted(found.items()))
        state.reasons.insert(0, " ".join(suggestions))


@lru_cache(maxsize=64)  # thousands of files have the same columns
def misspelt(names: frozenset[str], wanted: frozenset[str]) -> dict[str, str]:
    """{unknown name: missing wanted name that it looks like}; empty for more than MOST_KEYS names."""
    if len(names) > MOST_KEYS:
        return {}
    absent = {_folded(name): name for name in sorted(wanted - names)}
    found = {}
    for name in sorted(names - wanted):
        if name.isprintable():
            for close in get_close_matches(_folded(name), absent, 1, CLOSE):
                found[name] = absent[close]
    return found


def noting_keys(
    batches: Iterable[pa.RecordBatch], state: FileState, wanted: Collection[str]
) -> Iterator[pa.RecordBatch]:
    """Pass batches of NDJSON lines through, and note misspelt keys at their end.

    Only some lines are parsed. A wanted column that a key looks like is searched for in every line, since rows may
    leave it out.
    """
    keys: set[str] = set()
    wanted = frozenset(wanted)
    for batch in batches:
        raw = batch.column("_raw")
        for position in range(0, len(raw), max(len(raw) // LINES_READ, 1)):
            if len(keys) < MOST_KEYS:
                keys |= _keys(raw[position].as_py())
        for name in set(misspelt(frozenset(keys), wanted).values()):
            if pc.any(pc.match_substring(raw, f'"{name}"')).as_py():
                keys.add(name)
        yield batch
    note_misspelt(state, keys, wanted)


def _keys(line: str) -> set[str]:
    """The keys of a line; none for a line that is no JSON object or very long."""
    try:
        record = loads(line) if len(line) <= LONGEST_LINE_READ else None
    except (ValueError, RecursionError):
        return set()
    return {name for name in record if len(name) <= LONGEST_NAME} if isinstance(record, dict) else set()


def _folded(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "").replace(" ", "")
