"""A sample of the rows of a partition, drawn by a hash of the key: the same rows on both engines. Pure."""

import hashlib
from dataclasses import dataclass

from analytics_etl.catalog.models import Model


@dataclass(frozen=True)
class Sample:
    """The rows to compare: those with the `count` smallest hashes, and those with the given keys."""

    count: int
    seed: str
    """Goes into every hash: another seed draws other rows."""
    keys: frozenset[str] = frozenset()
    """Keys as `key_text` of `recomputation` writes them."""


def sample_query(model: Model, rows: str, sample: Sample) -> str:
    """A SELECT of the sampled rows of a query; PostgreSQL and DuckDB run it alike.

    The columns of a key are dates, whole seconds, numbers and text: both engines write these in the same way.
    """
    key = " || ', ' || ".join(f"coalesce(\"{name}\"::varchar, 'None')" for name in model.key)
    names = ", ".join(f'"{column}"' for column in model.columns)
    listed = ", ".join("'" + text.replace("'", "''") + "'" for text in sorted(sample.keys)) or "null"
    return (
        f"select {names} from (select *, {key} as drawn_by, "
        f"row_number() over (order by md5('{sample.seed}' || {key}), {key}) as position "
        f"from ({rows}) as all_rows) as ranked "
        f"where position <= {sample.count} or drawn_by in ({listed})"
    )


def rank(sample: Sample, key: str) -> tuple[str, str]:
    """What the SELECT of a sample orders a row by: the hash of its key, then the key."""
    return hashlib.md5(f"{sample.seed}{key}".encode(), usedforsecurity=False).hexdigest(), key
