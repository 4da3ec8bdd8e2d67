"""The README's way to load own events, typed exactly as it is printed, in a shell."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from commands import variables
from events import all_tables

from analytics_etl.config.settings import CHECKOUT, Settings

SECTION = re.compile(r"^## Load your own events\n(.*?)^## ", re.MULTILINE | re.DOTALL)


def blocks() -> list[str]:
    """What the section says to type."""
    found = SECTION.search((CHECKOUT / "README.md").read_text(encoding="utf-8"))
    assert found is not None
    return re.findall(r"^```sh\n(.*?)^```", found[1], re.MULTILINE | re.DOTALL)


def test_own_events_are_loaded_asked_for_and_undone(settings: Settings, tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    command = programs / "analytics-etl"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m analytics_etl.cli "$@"\n')
    command.chmod(0o755)
    home = tmp_path / ".analytics"
    own = replace(settings, home=home, lake_dir=home / "lake")
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("ANALYTICS_", "DAGSTER_"))},
        "ANALYTICS_DATABASE_URL": variables(settings)["ANALYTICS_DATABASE_URL"],
        "ANALYTICS_FAMILIES": "registry,schedules,usage",  # the others make empty tables for half the time
        "ANALYTICS_HOME": str(home), "PATH": f"{programs}:{os.environ['PATH']}", "PYTHONPATH": str(CHECKOUT),
        "COLUMNS": "200",
    }  # fmt: skip
    shell = shutil.which("sh")
    assert shell is not None

    def typed(text: str) -> str:
        result = subprocess.run(
            [shell, "-ec", text], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout

    load, undo = blocks()
    said = typed(load)
    [report] = re.findall(r"report: (.*\.html)", said)
    shown = Path(report).read_text(encoding="utf-8")
    assert "billing.v1" in shown
    tables = all_tables(own)
    [module] = tables["registry.module_stats_daily"]
    assert module.split(",")[1:4] == ["billing.v1", "1", "1"]
    [usage] = [line.split() for line in said.splitlines() if "(all)" in line]
    assert usage[4:8] == ["1", "0", "1", "0"], said
    assert re.search(r"mongo +sync +1 ", said), said
    said = typed(undo)
    assert "undone" in said
    assert not Path(report).exists()
    assert {table: rows for table, rows in all_tables(own).items() if rows} == {}
