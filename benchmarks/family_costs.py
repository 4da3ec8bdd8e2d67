"""Prints what each family costs, in files and lines by kind.

    .venv/bin/python -m benchmarks.family_costs

What serves all families is not in it, and neither are pages and tests that serve several.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

from analytics_etl.catalog.catalog import Catalog
from analytics_etl.config.settings import CHECKOUT

KINDS: Mapping[str, tuple[str, ...]] = {
    "DDL of the raw tables, and migrations": ("sql/{family}/events/*.sql", "sql/migrations/versions/*_{stem}*_events*"),
    "source mappings": ("sql/{family}/sources/*.sql",),
    "aggregates and views, with settings": (
        "sql/{family}/aggregates/*.sql", "sql/{family}/views/*.sql", "sql/{family}/parameters.yaml"
    ),
    "checks": ("sql/{family}/checks/*.sql",),
    "series": ("sql/{family}/series/*.sql",),
    "report queries": ("sql/{family}/reports/*.sql",),
    "queries": ("sql/{family}/queries/*.sql",),
    "cases": ("tests/cases/{family}/*/*.yaml",),
    "report functions (Python)": ("analytics_etl/reporting/families/{family}*.py",),
    "queries, commands and routes (Python)": (
        "analytics_etl/families/queries/{stem}*.py", "analytics_etl/cli/{stem}*_queries.py",
        "analytics_etl/api/routes/{family}.py",
    ),
    "sample events (Python)": ("analytics_etl/families/sample/{family}.py",),
}  # fmt: skip
"""Kind -> its files; `{stem}` is the name of the family without the plural."""


def cost_of(family: str, kind: str) -> tuple[int, int]:
    """The files of a kind that a family has, and their lines."""
    files = set(_files(KINDS[kind], family))
    return len(files), sum(len(path.read_text(encoding="utf-8").splitlines()) for path in files)


def costs() -> list[str]:
    """The table, as Markdown."""
    families = Catalog().families
    lines = [f"| kind | {' | '.join(f'`{family}`' for family in families)} |", f"|---|{'---|' * len(families)}"]
    for kind in KINDS:
        found = [cost_of(family, kind) for family in families]
        lines.append(f"| {kind} | {' | '.join(f'{files}, {count:,}' if files else '' for files, count in found)} |")
    return lines


def _files(patterns: Iterable[str], family: str) -> Iterable[Path]:
    for pattern in patterns:
        yield from CHECKOUT.glob(pattern.format(family=family, stem=family.removesuffix("s")))


if __name__ == "__main__":
    print("\n".join(costs()))
