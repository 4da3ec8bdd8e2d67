"""Measures the cost of the change record: a day is run again, with and without comparing it with the old rows.

    .venv/bin/python -m benchmarks.comparison                    about 5 minutes and 2 GB of disk
    .venv/bin/python -m benchmarks.comparison --events 100000    a tenth of it

A day is loaded, and then run again and again: from the same files, so that nothing changed, and from files in which
every hundredth row has another value, so that changes are counted and summed. Each run is a process of its own with all
event tables and aggregates, without checks and reports; runs with and without comparison take turns. The result is the
median of the rounds' ratios for loading, for aggregates and for both. Target for both: 1.15.
Everything happens below --home, on a server of its own, which is stopped at the end.
"""

import argparse
import json
import statistics
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import zstandard

from analytics_etl.catalog.catalog import Catalog
from analytics_etl.config.settings import Settings
from analytics_etl.families.sample import SampleOptions
from analytics_etl.postgres import server as embedded
from benchmarks.measuring import empty_database, figures_of, line, longest, make_sample, ratio_by_round, say, spread

DAY = date(2025, 3, 31)
EVERY = 100
"""Rows for each changed one."""
NUMBERS = ("duration_ms", "output_size", "file_size")
"""A changed row has the first of these that it has raised by one; a page view has none, and gets another version."""

Seconds = defaultdict[tuple[str, bool, str], list[float]]
"""(content, whether it is compared, part) -> seconds of each round."""


def main() -> None:
    arguments = _arguments()
    home = arguments.home.resolve()
    original, changed = home / "landing", home / "landing_changed"
    make_sample(original, SampleOptions(DAY, 1, arguments.events, rhythm=False))
    _change(original, changed)
    settings = Settings(home=home, reports_dir=home / "reports")
    empty_database(home)
    _run(replace(settings, landing_dir=original), is_compared=True)
    seconds: Seconds = defaultdict(list)
    for number in range(1, arguments.rounds + 1):
        for is_compared in (True, False) if number % 2 else (False, True):
            for content, landing in (("identical", original), ("changed", changed), ("changed", original)):
                found = _run(replace(settings, landing_dir=landing), is_compared=is_compared)
                parts = _parts(found["seconds"])
                for part, value in parts.items():
                    seconds[content, is_compared, part].append(value)
                how = "with" if is_compared else "without"
                say(f"round {number} of {arguments.rounds}, {content}, {how} comparison: {parts['both']:.2f} s")
                say(f"    {longest(found['seconds'], 6)}")
    embedded.stop(home)
    print()
    for content in ("identical", "changed"):
        for part in ("loading", "aggregates", "both"):
            one, other = seconds[content, True, part], seconds[content, False, part]
            print(f"{content}, {part}: with {spread(one)}, without {spread(other)}")
            more = 1e6 * (statistics.median(one) - statistics.median(other)) / arguments.events
            target = 1.15 if part == "both" else None
            line(f"{content}, {part}: {more:+.2f} s per million events", ratio_by_round(one, other), target)


def _run(settings: Settings, *, is_compared: bool) -> dict[str, Any]:
    return figures_of("tables", [str(DAY), *([] if is_compared else ["--without-comparison"])], settings)


def _parts(seconds: dict[str, float]) -> dict[str, float]:
    loading = sum(value for table, value in seconds.items() if table in Catalog().contracts)
    both = sum(seconds.values())
    return {"loading": loading, "aggregates": both - loading, "both": both}


def _change(original: Path, changed: Path) -> None:
    """Write the same files with every hundredth row changed, unless an earlier benchmark did."""
    marker = changed / ".options"
    if marker.exists() and marker.read_text() == (original / ".options").read_text():
        return
    for source in original.glob("*/*.ndjson.zst"):
        say(f"changing every {EVERY}th row of {source.name}")
        target = changed / source.relative_to(original)
        target.parent.mkdir(parents=True, exist_ok=True)
        with (
            zstandard.open(source, "rt", encoding="utf-8") as lines,
            zstandard.open(target, "wt", encoding="utf-8") as file,
        ):
            for text in _with_changes(lines):
                file.write(text)
    marker.write_text((original / ".options").read_text())


def _with_changes(lines: Any) -> Iterator[str]:
    for number, text in enumerate(lines):
        if number % EVERY:
            yield text
            continue
        try:
            row = json.loads(text)
        except ValueError:  # cut off on purpose
            yield text
            continue
        name = next((name for name in NUMBERS if isinstance(row.get(name), int)), None)
        row |= {"version": "9.9.9"} if name is None else {name: row[name] + 1}
        yield json.dumps(row, separators=(",", ":")) + "\n"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.comparison",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--events", type=int, default=1_000_000, help="events of the day (1,000,000)")
    parser.add_argument("--rounds", type=int, default=4, help="how often each is measured (4)")
    parser.add_argument(
        "--home",
        type=Path,
        default=Settings.from_environment().home / "benchmarks" / "comparison",
        help="where to work",
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
