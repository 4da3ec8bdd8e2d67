"""The landing files of a simulation: their final state, and how and when they arrive.

Everything follows from the seed; nothing here knows the clock or the database.
"""

import gzip
import random
from collections import defaultdict
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from analytics_etl.families.sample import SampleOptions, write_sample

MAX_LATE_DAYS = 3


@dataclass(frozen=True)
class Arrival:
    """Bytes to write to a path below the landing folder."""

    path: str
    content: bytes
    day: date
    """The day whose events the file holds."""
    what: str


def make_final_files(
    folder: Path, last_day: date, days: int, events_per_day: int, seed: int, families: tuple[str, ...]
) -> dict[str, date]:
    """Write the final files; returns {path: day}. A day is split over several files, and some files are copied."""
    chance = random.Random(f"files {seed}")  # noqa: S311 - a simulation, not a secret
    options = SampleOptions(
        last_day, days, events_per_day, seed, "ndjson", bad_row_ratio=0.004, duplicate_ratio=0.02, families=families
    )
    final: dict[str, date] = {}
    for whole in write_sample(folder, options):
        lines = whole.read_bytes().splitlines(keepends=True)
        whole.unlink()
        chance.shuffle(lines)
        cuts = sorted(chance.randrange(len(lines) + 1) for _ in range(chance.randrange(3)))
        for number, (start, end) in enumerate(zip([0, *cuts], [*cuts, len(lines)], strict=True)):
            suffix = ".gz" if chance.random() < 1 / 3 else ""
            names = [f"{whole.stem}-{chance.randrange(10**6):06}-{number}.ndjson{suffix}"]
            if chance.random() < 1 / 4:  # the same content under another name
                names.append(f"copy-{names[0]}")
            for name in names:
                path = whole.with_name(name)
                text = b"".join(lines[start:end])
                path.write_bytes(gzip.compress(text, mtime=0) if suffix else text)
                final[str(path.relative_to(folder))] = date.fromisoformat(whole.stem)
    return final


def arrivals(folder: Path, final: dict[str, date], seed: int) -> dict[date, list[Arrival]]:
    """The arrivals of each day, in any order: files that are late, first truncated, or come twice."""
    chance = random.Random(f"arrivals {seed}")  # noqa: S311 - the same
    found: dict[date, list[Arrival]] = defaultdict(list)
    for path, day in sorted(final.items()):
        content = (folder / path).read_bytes()
        at = day + timedelta(days=chance.choice([0, 0, 0, 0, 1, MAX_LATE_DAYS]))
        kind = chance.random()
        # Truncated compressed files are rarer: they cannot be read, so that their day waits and nothing else happens.
        if kind < (1 / 15 if path.endswith(".gz") else 1 / 5) and content:
            cut = content[: chance.randrange(len(content))]
            found[at].append(Arrival(path, cut, day, "truncated"))
            at += timedelta(days=chance.randint(1, MAX_LATE_DAYS))
        elif kind < 2 / 5:
            found[at].append(Arrival(path, content, day, "for the first time"))
            at += timedelta(days=chance.randint(1, MAX_LATE_DAYS))
        late = (at - day).days
        found[at].append(Arrival(path, content, day, f"whole, {late} days late" if late else "whole"))
    for of_day in found.values():
        chance.shuffle(of_day)
    return found
