"""A wheel has all it needs: installed where no checkout is, it loads, aggregates, checks and reports a day."""

import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from commands import variables
from events import DAY, download, write

from analytics_etl.config.settings import CHECKOUT, Settings

BESIDE = ("analytics_etl", "sql", "reports_templates", "pyproject.toml", "setup.py", "MANIFEST.in", "workspace.yaml")


def run(*command: str | Path, cwd: Path, environment: dict[str, str] | None = None) -> str:
    result = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The `bin` of an environment with the wheel; the libraries are those of the tests."""
    source = tmp_path / "source"
    source.mkdir()
    for name in (*BESIDE, "README.md", "LICENSE"):
        if (CHECKOUT / name).is_dir():
            shutil.copytree(CHECKOUT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(CHECKOUT / name, source / name)
    wheels = tmp_path / "wheels"
    run(
        sys.executable,
        "-I",
        "-m",
        "pip",
        "wheel",
        "--no-deps",
        "--no-build-isolation",
        "-w",
        wheels,
        source,
        cwd=tmp_path,
    )
    run(sys.executable, "-I", "-m", "venv", tmp_path / "venv", cwd=tmp_path)
    python = tmp_path / "venv" / "bin" / "python"
    [wheel] = wheels.glob("*.whl")
    run(python, "-I", "-m", "pip", "install", "--no-deps", "--no-index", wheel, cwd=tmp_path)
    packages = Path(run(python, "-I", "-c", "import site; print(site.getsitepackages()[0])", cwd=tmp_path).strip())
    # A path in a .pth file brings the libraries, and not the project: its own .pth file is not read there.
    (packages / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    shutil.rmtree(source)
    return python.parent


def test_an_installed_wheel_reports_a_day_in_an_empty_folder(
    installed: Path, settings: Settings, tmp_path: Path
) -> None:  # fmt: skip
    write(settings, "download_events/a.ndjson", [download(1)])
    folder = tmp_path / "empty"
    folder.mkdir()
    chosen = ("ANALYTICS_DATABASE_URL", "ANALYTICS_LANDING_DIR", "ANALYTICS_START_DATE")
    environment = {name: value for name, value in variables(settings).items() if name in chosen}
    environment |= {"PATH": f"{installed}:/usr/bin:/bin", "HOME": str(tmp_path)}
    command = installed / "analytics-etl"
    said = run(command, "run", str(DAY), "--family", "registry", "--yes", cwd=folder, environment=environment)
    report = folder / ".analytics" / "reports" / "registry" / "daily" / f"{DAY}.html"
    assert f"report: {report}" in said
    assert "module-1" in report.read_text(encoding="utf-8")
    project = "from analytics_etl.config.settings import PROJECT; print(PROJECT)"
    workspace = Path(run(installed / "python", "-I", "-c", project, cwd=folder).strip()) / "workspace.yaml"
    assert installed.parent in workspace.parents
    run(installed / "python", "-I", "-m", "dagster", "definitions", "validate", "-w", workspace, cwd=folder,
        environment=environment)  # fmt: skip
