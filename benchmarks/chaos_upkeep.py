"""Upkeep of the lake, killed: taking over days of a version without a lake, and collecting what nothing refers to.

After some days the newest raw day of each event table leaves the books of the lake, as if it had been loaded before
there was a lake. It is taken over, and its old file and everything superseded is collected; both are killed at a
statement first, and then typed again. Then the lake has exactly the files of the books, with the rows of PostgreSQL.
"""

import random
from collections.abc import Sequence
from datetime import date

import psycopg

from benchmarks.chaos_books import lake_of
from benchmarks.chaos_home import Home, Point

TAKING_OVER, COLLECTING = "kill taking over", "kill collecting"
FAULTS = {TAKING_OVER: "take over", COLLECTING: "collect"}
"""{fault: the function of the child that is killed}."""
_STATEMENTS = {TAKING_OVER: 40, COLLECTING: 20}
"""The last statement at which each is killed; the first days have about as many."""


class Upkeep:
    """The upkeep of a seed, on one home. It has random numbers of its own: the other faults stay those of the seed."""

    def __init__(self, home: Home, seed: int, tables: Sequence[str]) -> None:
        self._home, self._tables = home, tables
        self._chance = random.Random(f"upkeep {seed}")  # noqa: S311 - a simulation, not a secret
        self.happened: set[str] = set()
        self.complaints: list[str] = []

    def pass_day(self, day: date) -> None:
        """Forget a day of the lake, take it over, and collect, each killed and then done."""
        self._forget_newest()
        for fault, what in FAULTS.items():
            point = Point(0, self._chance.randint(1, _STATEMENTS[fault]))
            killed = self._home.run(what, point=point, act=lambda process: process.kill())
            if killed.halted_at is not None:
                self.happened.add(fault)
            elif killed.code != 0:
                self.complaints.append(f"{day}: {what} ended with {killed.code}:\n{killed.end}")
            print(f"{day}: {fault} at {point} ({killed.halted_at or 'too late'})", flush=True)
            ended = self._home.run(what)
            if ended.code != 0:
                self.complaints.append(f"{day}: {what} after a kill ended with {ended.code}:\n{ended.end}")
        self.complaints += [f"{day}: after upkeep: {wrong}" for wrong in self._wrong()]

    def _forget_newest(self) -> None:
        with psycopg.connect(self._home.url()) as connection:
            connection.execute(
                "delete from ops.lake_files as f where table_name = any(%s) and superseded_at is null and day = ("
                "select max(day) from ops.current_lake_files as c where c.table_name = f.table_name)",
                [list(self._tables)],
            )

    def _wrong(self) -> list[str]:
        """What is wrong with the lake after everything was done."""
        lake = self._home.folder / "lake"
        with psycopg.connect(self._home.url()) as connection:
            booked = {path for (path,) in connection.execute("select path from ops.lake_files").fetchall()}
            current = {path for (path,) in connection.execute("select path from ops.current_lake_files").fetchall()}
        there = {path.relative_to(lake).as_posix() for path in lake.rglob("*") if path.is_file()}
        return [
            *lake_of(self._home.url(), lake),
            *(f"{path} was left in the lake" for path in sorted(there - current)),
            *(f"{path} was left in the books" for path in sorted(booked - current)),
        ]
