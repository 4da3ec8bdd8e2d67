"""Measures a registry of 10,000 versions through the tables, and a new day of 20 versions after it.

    python -m benchmarks.schema_days                   # 10,000 versions with 100 fields each, 1 million fields
    python -m benchmarks.schema_days --versions 1000   # a tenth of it

Both days are whole runs of the family `registry` as new processes: loading, tables, checks, report. Processor time is
that of the command and of the processes that read schemas.
"""

import argparse
import json
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
NEW = 20
"""Versions of the second day."""


def main() -> None:
    """Parse arguments, write the events, run both days."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--versions", type=int, default=10_000)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="analytics_etl_schema_days_") as folder:
        Path(folder).chmod(0o755)
        settings = Settings(home=Path(folder) / "home", landing_dir=Path(folder) / "landing")
        landing = settings.landing_dir / "module_versions"
        landing.mkdir(parents=True)
        events = [json.dumps(event) for event in versions(chosen.versions)]
        landing.joinpath("all.ndjson").write_text("\n".join(events) + "\n", encoding="utf-8")
        try:
            for day, number in ((FIRST, chosen.versions), (FIRST + timedelta(days=1), NEW)):
                processor, seconds = call(CHECKOUT, settings, "run", str(day), "--family", "registry")
                print(f"{day}: {number:>7,} new versions {processor:>8.1f} processor s {seconds:>8.1f} s", flush=True)
        finally:
            call(CHECKOUT, settings, "stop")


def versions(number: int) -> Iterator[dict[str, Any]]:
    """The events: all versions of the first day, then those of the second, the next ones of the first modules."""
    for index in range(number):
        module, version = divmod(index, VERSIONS_OF_A_MODULE)
        yield event(index, FIRST, module, version)
    for module in range(NEW):
        yield event(number + module, FIRST + timedelta(days=1), module, VERSIONS_OF_A_MODULE)


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
