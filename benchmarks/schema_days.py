"""Measures a registry of 10,000 versions through the tables, and new days of 1, 20 and 200 versions after it.

    python -m benchmarks.schema_days                   # 10,000 versions with 100 fields each, 1 million fields
    python -m benchmarks.schema_days --versions 1000   # a tenth of it

All days are whole runs of the family `registry` as new processes: loading, tables, checks, report. Targets: 300 s for
the first day on 2 cores, and later days that cost what their own versions cost: a run has a cost of its own, so that of
a version is the slope between the last ones. Processor time is that of the command and of the processes that read
schemas, peak memory that of the largest of them all so far; the database server is not counted.
"""

import argparse
import json
import resource
import tempfile
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from analytics_etl.config.settings import CHECKOUT, Settings
from analytics_etl.schemas import Format
from benchmarks.schemas import FIELDS, avro, json_schema, protobuf
from benchmarks.small_day import call

FIRST = date(2025, 3, 31)
VERSIONS_OF_A_MODULE = 4
NEW = (1, 20, 200)
"""Versions of the days after the first one."""
TARGET_SECONDS = 300
"""For 10,000 versions, about 1 million fields."""


def main() -> None:
    """Parse arguments, write the events, run both days."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--versions", type=int, default=10_000)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="analytics_etl_schema_days_") as folder:
        Path(folder).chmod(0o755)
        home = Path(folder) / "home"
        settings = Settings(home=home, landing_dir=Path(folder) / "landing", reports_dir=home / "reports")
        landing = settings.landing_dir / "module_versions"
        landing.mkdir(parents=True)
        events = [json.dumps(event) for event in versions(chosen.versions)]
        landing.joinpath("all.ndjson").write_text("\n".join(events) + "\n", encoding="utf-8")
        try:
            measured = [measure(settings, day, number) for day, number in enumerate((chosen.versions, *NEW))]
            slope = (measured[-1][0] - measured[1][0]) / (NEW[-1] - NEW[0])
            print(f"a version of a later day: {slope * 1000:.0f} ms of a processor")
            print(f"the first day took {measured[0][1]:.1f} s; 10,000 versions should take {TARGET_SECONDS} s at most")
        finally:
            call(CHECKOUT, settings, "stop")


def measure(settings: Settings, number_of_day: int, versions_of_day: int) -> tuple[float, float]:
    """Run a day, say what it took, return the (processor, wall-clock) seconds."""
    day = FIRST + timedelta(days=number_of_day)
    processor, seconds = call(CHECKOUT, settings, "run", str(day), "--family", "registry")
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(
        f"{day}: {versions_of_day:>7,} new versions {processor:>8.1f} processor s {seconds:>8.1f} s, "
        f"peak {memory:,.0f} MiB of one process so far",
        flush=True,
    )
    return processor, seconds


def versions(number: int) -> Iterator[dict[str, Any]]:
    """The events: all versions of the first day, then those of the others, the next ones of the first modules."""
    for index in range(number):
        module, version = divmod(index, VERSIONS_OF_A_MODULE)
        yield event(index, FIRST, module, version)
    index = number
    for later, count in enumerate(NEW, 1):
        for module in range(count):
            yield event(index, FIRST + timedelta(days=later), module, VERSIONS_OF_A_MODULE - 1 + later)
            index += 1


def event(index: int, day: date, module: int, version: int) -> dict[str, Any]:
    """Three of five modules are protobuf, one is Avro, one JSON Schema; versions add a field to each entity."""
    format_ = (Format.PROTOBUF, Format.AVRO, Format.PROTOBUF, Format.JSON_SCHEMA, Format.PROTOBUF)[module % 5]
    make = {Format.PROTOBUF: protobuf, Format.AVRO: avro, Format.JSON_SCHEMA: json_schema}[format_]
    files = make(f"m{module}", FIELDS - VERSIONS_OF_A_MODULE + version)
    moment = timedelta(seconds=index % 86_400)
    return {
        "event_id": str(UUID(int=index)),
        "registered_at": f"{day}T{moment.seconds // 3600:02}:{moment.seconds // 60 % 60:02}:{moment.seconds % 60:02}Z",
        "module_name": f"m{module}",
        "version": str(version),
        "format": format_,
        "files": files,
        "size_bytes": sum(map(len, files.values())),
    }


if __name__ == "__main__":
    main()
