"""Columns nobody asked for whose names look like one that is asked for and that the file does not have."""

from collections.abc import Collection, Iterable, Iterator
from difflib import get_close_matches
from functools import lru_cache
from json import loads

import pyarrow as pa
import pyarrow.compute as pc

from analytics_etl.landing.rejections import FileState

UNKNOWN_COLUMN = "unknown column "
"""How the reason of a file begins that has such columns."""

CLOSE = 0.8
"""Share of letters in common: lenguage, languages and durationMs are meant, client_version of target_version is not."""

LINES_READ = 8
"""Lines of each batch of about 1 MB whose keys are looked at, evenly spread: more would be felt in the load."""

LONGEST_LINE_READ, LONGEST_NAME, MOST_KEYS = 1 << 16, 100, 1_000
"""Characters of a line and of a name, and names of a file; what is beyond is not looked at: events have a few dozen
columns.
"""


def note_misspelt(state: FileState, names: Iterable[str], wanted: Collection[str]) -> None:
    """Note in a file's state which of its names are likely misspelt ones of the columns that are wanted.

    It comes before all else of the file, so that whoever looks for it finds it.
    """
    found = misspelt(frozenset(name for name in names if len(name) <= LONGEST_NAME), frozenset(wanted))
    if found:
        said = (f"{UNKNOWN_COLUMN}{name}, did you mean {meant}?" for name, meant in sorted(found.items()))
        state.reasons.insert(0, " ".join(said))


@lru_cache(maxsize=64)  # thousands of files have the same columns
def misspelt(names: frozenset[str], wanted: frozenset[str]) -> dict[str, str]:
    """{unknown name: the wanted one it looks like, which is not among the names}; nothing of far too many names."""
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
    """Batches of NDJSON lines as they are; once they have ended, what is misspelt among their keys is noted.

    A column that some rows leave out is looked for in every line as soon as a key looks like it.
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
    """The keys of a line; none of one that is rejected anyway, or very long."""
    try:
        record = loads(line) if len(line) <= LONGEST_LINE_READ else None
    except (ValueError, RecursionError):
        return set()
    return {name for name in record if len(name) <= LONGEST_NAME} if isinstance(record, dict) else set()


def _folded(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "").replace(" ", "")
