"""The index of reports: what is on disk, whatever was there before, and without reading what has not changed."""

import json
import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from commands import call, variables
from events import DAY

from analytics_etl.config.settings import Settings
from analytics_etl.orchestration import runs
from analytics_etl.pipeline.reports import write_index

FAMILIES_IN_USE = ("registry",)

GOLDEN_DIR = Path(__file__).parent.parent / "golden"


def put(folder: Path, name: str, **kpis: int) -> Path:
    """A report on disk, as it is written: a new file in place of the old one. `kpis` replace values."""
    value = json.loads((GOLDEN_DIR / "ordinary_day.json").read_text())
    for kpi in value["kpis"]:
        kpi["value"] = kpis.get(kpi["name"], kpi["value"])
    path = folder / "registry" / "daily" / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(GOLDEN_DIR / "ordinary_day.html", path.with_suffix(".html"))
    part = path.with_suffix(".part")
    part.write_text(json.dumps(value))
    part.replace(path)
    return path


def listed(folder: Path) -> list[int]:
    """The downloads of each report in the index, sorted."""
    page, count = write_index(folder)
    reports: list[Mapping[str, Any]] = json.loads((folder / "index.json").read_text())["reports"]
    assert page.read_text().count("</html>") == 1
    assert count == len(reports)
    return sorted(report["kpis"]["download_count"]["value"] for report in reports)


def test_reports_come_change_and_go(tmp_path: Path) -> None:
    first = put(tmp_path, "a", download_count=11)
    assert listed(tmp_path) == [11]
    second = put(tmp_path, "b", download_count=22)
    assert listed(tmp_path) == [11, 22]
    put(tmp_path, "a", download_count=33)
    assert listed(tmp_path) == [22, 33]
    second.with_suffix(".html").unlink()
    assert listed(tmp_path) == [33]
    first.unlink()
    assert listed(tmp_path) == []


def test_an_empty_day_stands_out(tmp_path: Path) -> None:
    path = put(tmp_path, "a")
    value = json.loads(path.read_text())
    for name, day, state in (("b", 2, {"is_empty": True}), ("c", 3, {"is_empty": True, "is_complete": False})):
        other = put(tmp_path, name)
        period = {**value["period"], "start": f"2024-01-{day:02}"}
        other.write_text(json.dumps({**value, "period": period, "state": {**value["state"], **state}}))
    write_index(tmp_path)
    page = (tmp_path / "index.html").read_text()
    marks = re.findall(r'<td><a [^>]*>\d+<span class="\w+" aria-label="([^"]+)">(.)</span>', page)
    assert sorted(marks) == sorted([("no rows", "∅"), ("incomplete", "✗"), ("final", "●")]), marks
    assert '<span class="warn">∅</span> no rows</span>' in page


def test_a_report_that_has_not_changed_is_not_read(tmp_path: Path) -> None:
    path = put(tmp_path, "a", download_count=11)
    assert listed(tmp_path) == [11]
    status = path.stat()
    path.write_text("x" * status.st_size)  # in place: nobody writes a report like this
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert listed(tmp_path) == [11]


def test_what_was_remembered_may_be_lost_or_damaged(tmp_path: Path) -> None:
    put(tmp_path, "a", download_count=11)
    assert listed(tmp_path) == [11]
    [memory] = tmp_path.glob(".index*")
    for damage in (lambda: memory.write_text('{"registry'), memory.unlink):
        damage()
        assert listed(tmp_path) == [11]


def test_what_a_failed_run_has_written_is_listed(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """The job that lists reports is the last one, which a run that fails does not come to."""

    def fail(*_: Any) -> None:
        put(settings.reports_dir, str(DAY), download_count=44)
        raise runs.RunFailedError("the run 1 (weekly) failed")

    monkeypatch.setattr(runs, "execute", fail)
    done = call(f"run {DAY}", variables(settings))
    assert done.exit_code == 1
    assert "Error: the run 1 (weekly) failed" in done.stderr
    assert json.loads((settings.reports_dir / "index.json").read_text())["reports"][0]["kpis"]["download_count"][
        "value"
    ] == 44  # fmt: skip
