"""Series: the files below `sql/<family>/series`, one SELECT for each metric and grain, and the table they make. Pure.

The tables and report sections that every family with series has are declared once, below `sql/ops/signals`. In their
text `{family}` stands for the family, and `{series}` for all its series.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from analytics_etl.catalog.measures import Measure
    from analytics_etl.catalog.models import Model

HEADER = frozenset({"unit", "entity", "bad", "absent", "forecast", "limit"})
"""The keys that only the header of a series has."""
UNITS = ("count", "ratio", "score", "percent", "ms", "bytes")
ZERO = "zero"
FORECASTS = ("whole", "each")
"""The whole alone, or that and each entity."""
PLACE = "{series}"
GRAINS = ("1h", "1d")

_NEEDED = {"1h": ["day", "bucket", "entity", "value", "weight"], "1d": ["day", "entity", "value", "weight"]}
_OPTIONAL = {"tenant_id": "null::text", "series_labels": "'{}'::text"}
"""{column that a series may have: what it is without}."""


def shared_files(sql_dir: Path, kind: str) -> list[Path]:
    """The files of a kind that every family with series has."""
    return sorted((sql_dir / "ops" / "signals" / kind).glob("*.sql"))


def wrong_columns(name: str, outputs: Sequence[str]) -> str | None:
    """What is wrong with the columns of a series, if anything."""
    needed = _NEEDED[name[-2:]]
    if [column for column in outputs if column not in _OPTIONAL and (column in needed or column != "bucket")] == needed:
        return None
    may = " and ".join(_OPTIONAL)
    return f"a series gives the columns {', '.join(needed)}, and {may} if it has any; it gives {', '.join(outputs)}"


def union_of(series: Iterable["Model"]) -> str:
    """All series of a family as one SELECT in parentheses, with the facts of their headers as columns."""
    selects = [_with_facts(model) for model in series]
    return "(\n" + "\nunion all\n".join(selects or [_NOTHING]) + "\n)"


def _with_facts(model: "Model") -> str:
    assert model.measure is not None
    outputs = [column.alias_or_name for column in model.expression.selects]
    grain = model.name[-2:]
    columns = [
        f"'{model.name[:-3]}'::text as metric",
        f"'{grain}'::text as grain",
        f"'{model.measure.unit}'::text as unit",
        f"{str(model.measure.is_absent_zero).lower()} as is_absent_zero",
        f"{_is_forecast(model.measure)} as is_forecast",
        "points.day::date as day",
        "points.bucket as bucket" if "bucket" in outputs else "(points.day::timestamp at time zone 'UTC') as bucket",
        *(f"{name if name in outputs else without} as {name}" for name, without in _OPTIONAL.items()),
        "points.entity::text as entity",
        "points.value::double precision as value",
        "points.weight::double precision as weight",
    ]
    return f"select {', '.join(columns)}\nfrom (\n{model.select}\n) as points"


def _is_forecast(measure: "Measure") -> str:
    if measure.is_each_forecast:
        return "true"
    return "points.entity::text = ''" if measure.is_forecast else "false"


_NOTHING = (
    "select ''::text as metric, ''::text as grain, ''::text as unit, false as is_absent_zero, false as is_forecast, "
    "null::date as day, null::timestamptz as bucket, null::text as tenant_id, '{}'::text as series_labels, "
    "''::text as entity, null::double precision as value, null::double precision as weight where false"
)
