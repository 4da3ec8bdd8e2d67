"""The recipes of docs/adding.md and docs/adding-a-family.md, followed as they are printed in a copy of the checkout.

A block under the name of a file is that file, or a change of it when it is a diff; a block of `sh` is typed.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from commands import variables
from events import ask, download, ndjson

from analytics_etl.config.settings import CHECKOUT, Settings

BLOCK = re.compile(
    r"(?:^`(?P<path>[^`\n]+)`[^`\n]*:\n\n)?^```(?P<kind>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)
LEFT_OUT = shutil.ignore_patterns(".*", "__pycache__", "*.egg-info", "build", "dist")


@dataclass(frozen=True)
class Block:
    """A fenced block of a page: a file, a change of one (`diff`), or what is typed (`sh`)."""

    path: str | None
    kind: str
    text: str


def blocks(page: str) -> list[Block]:
    text = (CHECKOUT / "docs" / page).read_text(encoding="utf-8")
    found = [Block(*match.group("path", "kind", "text")) for match in BLOCK.finditer(text)]
    assert text.count("\n```") == 2 * len(found), f"a fence of {page} is not closed or has no kind"
    assert all((block.kind == "sh") == (block.path is None) for block in found), f"{page}: a file without its name"
    return found


def changed(before: str, diff: str) -> str:
    """A text after a diff without line numbers, whose lines must be there once."""
    lines = diff.splitlines()
    old, new = (
        "".join(line[1:] + "\n" for line in lines if line[:1] in (" ", sign) or not line) for sign in ("-", "+")
    )
    assert before.count(old) == 1, f"there {before.count(old)} times:\n{old}"
    return before.replace(old, new)


def write(path: Path, block: Block) -> None:
    """Write the file of a block, or change it."""
    if block.kind == "diff":
        path.write_text(changed(path.read_text(encoding="utf-8"), block.text), encoding="utf-8")
        return
    assert not path.exists(), f"{block.path} is there already"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(block.text, encoding="utf-8")


class Shell:
    """Types into a shell in a copy of the checkout: `analytics-etl`, and `make test` with the libraries of this run."""

    def __init__(self, checkout: Path, settings: Settings) -> None:
        shutil.copytree(CHECKOUT, checkout, ignore=LEFT_OUT)
        self.checkout = checkout
        programs = checkout / "bin"
        programs.mkdir()
        for name, text in {
            "analytics-etl": f'exec "{sys.executable}" -m analytics_etl.cli "$@"',
            "make": f'test "$1" = test && eval "exec \\"{sys.executable}\\" -m pytest ${{2#ARGS=}}"',
        }.items():
            (programs / name).write_text(f"#!/bin/sh\n{text}\n")
            (programs / name).chmod(0o755)
        apart = ("ANALYTICS_", "DAGSTER_", "PYTEST_", "COV_")
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith(apart)}
        self.environment |= {
            **variables(settings), "PATH": f"{programs}:{os.environ['PATH']}", "PYTHONPATH": str(checkout),
            "COLUMNS": "200",
        }  # fmt: skip

    def follow(self, found: Iterable[Block]) -> list[str]:
        """Write and type what blocks say, in order; returns what each command printed."""
        printed = []
        for block in found:
            if block.path is None:
                printed.append(self.type(block.text))
            else:
                write(self.checkout / block.path, block)
        return printed

    def type(self, text: str) -> str:
        result = subprocess.run(
            ["/bin/sh", "-ec", text],
            cwd=self.checkout,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 0, f"{text}\n{result.stdout}\n{result.stderr}"
        return result.stdout


def test_the_recipes_for_adding_things(settings: Settings, tmp_path: Path) -> None:
    shell = Shell(tmp_path / "checkout", settings)
    sdks = {date(2025, 3, 30): "js-sdk", date(2025, 3, 31): "go-sdk"}
    landing = settings.landing_dir / "download_events" / "two_days.ndjson"
    landing.parent.mkdir(parents=True)
    landing.write_bytes(ndjson([download(n, day, client_sdk=sdk) for n, (day, sdk) in enumerate(sdks.items())]))

    # All files first: then the tests and the backfill, which go with each recipe, run once for all of them.
    printed = shell.follow(sorted(blocks("adding.md"), key=lambda block: block.kind == "sh"))
    assert "`registry.top_sdks` | view" in (shell.checkout / "docs" / "tables.md").read_text(encoding="utf-8")
    assert re.search(r"2025-03-31 +1$", printed[-1], re.MULTILINE), printed[-1]
    url = settings.database_url
    assert ask(url, "select client_sdk, download_count from registry.sdk_stats_daily order by day") == [
        {"client_sdk": "js-sdk", "download_count": 1}, {"client_sdk": "go-sdk", "download_count": 1}
    ]  # fmt: skip
    assert len(ask(url, "select * from registry.top_sdks")) == 2
    judged = ask(
        url,
        "select passed from ops.check_results "
        "where table_name = 'registry.sdk_stats_daily' and check_name = 'matches_events'",
    )
    assert judged == [{"passed": True}] * 2
    report = (settings.reports_dir / "registry" / "daily" / "2025-03-31.html").read_text(encoding="utf-8")
    assert "Which client libraries downloaded?" in report
    assert "Most with go-sdk" in report


def test_the_recipe_for_adding_a_family(settings: Settings, tmp_path: Path) -> None:
    shell = Shell(tmp_path / "checkout", settings)
    shell.follow(blocks("adding-a-family.md"))
    [days] = ask(settings.database_url, "select count(distinct day) as days from hosts.ping_stats_daily")
    assert days == {"days": 1}
    failed = ask(settings.database_url, "select check_name from ops.check_results where not passed")
    assert failed == []
