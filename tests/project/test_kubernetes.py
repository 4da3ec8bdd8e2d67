"""What `deploy/kubernetes` has: objects as Kubernetes knows them, values that Dagster's chart takes, settings of ours.

A cluster and helm cannot run in a test. `tests/orchestration/test_run_launcher.py` has a run with these values.
"""

import re
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import kubernetes.client
import pytest
import yaml
from dagster_k8s.models import k8s_model_from_dict, k8s_snake_case_dict
from fastapi.routing import APIRoute

from analytics_etl.api.routes import meta
from analytics_etl.cli import main
from analytics_etl.config.settings import CHECKOUT, Settings

FOLDER = CHECKOUT / "deploy" / "kubernetes"
VALUES: dict[str, Any] = yaml.safe_load((FOLDER / "values.yaml").read_text(encoding="utf-8"))
SPARK: dict[str, Any] = yaml.safe_load((FOLDER / "values.spark.yaml").read_text(encoding="utf-8"))
OBJECTS: dict[str, dict[str, Any]] = {
    f"{each['kind']} {each['metadata']['name']}": each
    for name in ("analytics-etl.yaml", "api.yaml", "spark.yaml")
    for each in yaml.safe_load_all((FOLDER / name).read_text(encoding="utf-8"))
}
SETTINGS: dict[str, str] = OBJECTS["ConfigMap analytics-etl"]["data"]

[CODE] = VALUES["dagster-user-deployments"]["deployments"]
LAUNCHER: dict[str, Any] = VALUES["runLauncher"]["config"]["k8sRunLauncher"]
SPARK_LAUNCHER: dict[str, Any] = SPARK["runLauncher"]["config"]["k8sRunLauncher"]

_PROBES = "readinessProbe livenessProbe"
_POD = f"image env envConfigMaps envSecrets podSecurityContext resources volumes volumeMounts {_PROBES}"
CHART = {
    "": "global serviceAccount dagster-user-deployments dagsterWebserver dagsterDaemon runLauncher postgresql rabbitmq"
    " redis flower ingress telemetry migrate",
    "global": "dagsterHome serviceAccountName",
    "serviceAccount": "create annotations",
    "dagster-user-deployments": "enabled enableSubchart deployments",
    "dagster-user-deployments.deployments": f"name port dagsterApiGrpcArgs includeConfigInLaunchedRuns {_POD}",
    "dagsterWebserver": f"service checkDbReadyInitContainer {_POD}",
    "dagsterDaemon": f"checkDbReadyInitContainer {_POD}",
    "runLauncher": "type config",
    "runLauncher.config": "k8sRunLauncher",
    "runLauncher.config.k8sRunLauncher": "imagePullPolicy envConfigMaps envSecrets envVars volumes volumeMounts labels"
    " resources runK8sConfig",
    "runLauncher.config.k8sRunLauncher.runK8sConfig": "containerConfig podSpecConfig jobSpecConfig",
}
"""The keys of the chart 1.13 that our values may have, by the place they stand in; it refuses others in most places."""


@pytest.mark.parametrize("values", [VALUES, SPARK], ids=["values", "spark"])
def test_values_have_keys_of_the_chart(values: dict[str, Any]) -> None:
    for place, keys in CHART.items():
        found: Any = values
        for part in filter(None, place.split(".")):
            found = found.get(part, {}) if isinstance(found, dict) else {}
        for each in found if isinstance(found, list) else [found]:
            assert set(each) <= set(keys.split()), place


def checked(model: str, given: Mapping[str, Any]) -> Any:
    """An object of Kubernetes; an error for a field that it does not have."""
    kind = getattr(kubernetes.client, model)
    return k8s_model_from_dict(kind, k8s_snake_case_dict(kind, given))


@pytest.mark.parametrize("name", OBJECTS)
def test_objects_are_those_of_kubernetes(name: str) -> None:
    kind = name.partition(" ")[0]
    assert checked(f"V1{kind}", OBJECTS[name])


def pod_of(values: Mapping[str, Any]) -> Any:
    """The pod that the chart makes of the values of a deployment, as far as they say."""
    container = {name: values[name] for name in ("env", "resources", "volumeMounts") if name in values}
    for probe in values.keys() & {"readinessProbe", "livenessProbe"}:
        container[probe] = {key: value for key, value in values[probe].items() if key != "enabled"}
    names = {"configMapRef": values["envConfigMaps"], "secretRef": values["envSecrets"]}
    container["envFrom"] = [{kind: each} for kind, group in names.items() for each in group]
    image = values["image"]
    container["image"], container["imagePullPolicy"] = f"{image['repository']}:{image['tag']}", image["pullPolicy"]
    container["name"] = "main"
    return checked(
        "V1PodSpec",
        {"containers": [container], "volumes": values["volumes"], "securityContext": values["podSecurityContext"]},
    )


@pytest.mark.parametrize("name", ["dagsterWebserver", "dagsterDaemon", "code"])
def test_pods_are_those_of_kubernetes(name: str) -> None:
    pod = pod_of(CODE if name == "code" else VALUES[name])
    assert {mount.name for mount in pod.containers[0].volume_mounts} == {volume.name for volume in pod.volumes}
    assert pod.containers[0].resources.limits["memory"] == pod.containers[0].resources.requests["memory"]


def test_the_settings_are_ours_and_no_secrets() -> None:
    settings = Settings.from_environment(SETTINGS)
    assert settings.lake_url == SETTINGS["ANALYTICS_LAKE"]
    page = (CHECKOUT / "docs" / "configuration.md").read_text(encoding="utf-8")
    pods = [*VALUES["dagsterWebserver"]["env"], *VALUES["dagsterDaemon"]["env"]]
    given = [*SETTINGS, *(each["name"] for each in pods), *(each.split("=")[0] for each in SPARK_LAUNCHER["envVars"])]
    ours = {name for name in given if name.startswith("ANALYTICS_")}
    assert ours <= set(re.findall(r"`(ANALYTICS_[A-Z0-9_]+)`", page))
    assert set(given) - ours == {"AWS_DEFAULT_REGION", "SPARK_CONF_DIR"}
    secret = {
        "ANALYTICS_DATABASE_URL", "ANALYTICS_PSEUDONYM_KEY", "ANALYTICS_SMTP_URL", "ANALYTICS_NOTIFY_WEBHOOK",
        "AWS_SECRET_ACCESS_KEY",
    }  # fmt: skip
    assert not secret & set(given)


@pytest.mark.parametrize("mounts", [CODE["volumeMounts"], SPARK_LAUNCHER["volumeMounts"]], ids=["values", "spark"])
def test_what_must_outlive_pods_does_and_landing_is_only_read(mounts: list[dict[str, Any]]) -> None:
    [home] = re.findall(r"ANALYTICS_HOME=(\S+)", (CHECKOUT / "deploy" / "Dockerfile").read_text(encoding="utf-8"))
    settings = Settings.from_environment({**SETTINGS, "ANALYTICS_HOME": home})
    volume = {Path(mount["mountPath"]): mount["name"] for mount in mounts}
    assert {path for path, name in volume.items() if name == "files"} == {
        settings.own_runs_dir, settings.reports_dir, settings.dagster_home / "storage",
    }  # fmt: skip
    assert (volume[settings.home], volume[settings.dagster_home]) == ("home", "dagster")
    read_only = {Path(mount["mountPath"]) for mount in mounts if mount.get("readOnly")}
    assert read_only - {Path("/etc/spark")} == {settings.landing_dir}


def test_the_api_has_what_it_needs_and_writes_landing_files() -> None:
    spec = OBJECTS["Deployment analytics-etl-api"]["spec"]["template"]["spec"]
    [container] = spec["containers"]
    settings = Settings.from_environment(SETTINGS)
    program, command, *options = container["args"]
    given = dict(zip(options[::2], options[1::2], strict=True))
    known = {name for option in main.commands[command].params for name in option.opts}
    assert (program, set(given) <= known) == ("analytics-etl", True)
    image = CODE["image"]
    assert container["image"] == f"{image['repository']}:{image['tag']}"
    [served] = container["ports"]
    [port] = OBJECTS["Service analytics-etl-api"]["spec"]["ports"]
    ports = {served["containerPort"], port["targetPort"], int(given["--port"])}
    ports |= {container[probe]["httpGet"]["port"] for probe in ("readinessProbe", "livenessProbe")}
    assert ports == {8080}
    assert {container[probe]["httpGet"]["path"] for probe in ("readinessProbe", "livenessProbe")} <= {
        route.path for route in meta.routes.routes if isinstance(route, APIRoute)
    }
    writable = {Path(mount["mountPath"]) for mount in container["volumeMounts"] if not mount.get("readOnly")}
    assert {settings.landing_dir} <= writable
    assert settings.reports_dir not in writable
    assert {mount["name"] for mount in container["volumeMounts"]} == {volume["name"] for volume in spec["volumes"]}
    assert spec["serviceAccountName"] == VALUES["global"]["serviceAccountName"]
    # As many questions of the lake at once as `asking` lets through, and what a Python process takes.
    limits = container["resources"]["limits"]
    assert megabytes(limits["memory"]) >= 2 * settings.engine_memory_mb + 600
    assert megabytes(limits["ephemeral-storage"]) >= settings.lake_copies_mb


def megabytes(text: str) -> float:
    number, unit = re.fullmatch(r"(\d+)(Mi|Gi)", text.replace("g", "Gi")).groups()  # type: ignore[union-attr]
    return int(number) * {"Mi": 1.048576, "Gi": 1073.741824}[unit]


def test_a_run_has_the_memory_and_disk_that_the_settings_let_it_take() -> None:
    settings = Settings.from_environment(SETTINGS)
    needed = max(3 * settings.loader_memory_mb + 200, settings.engine_memory_mb) + 600
    limits = LAUNCHER["resources"]["limits"]
    assert megabytes(limits["memory"]) >= needed
    assert megabytes(limits["ephemeral-storage"]) >= 2 * settings.lake_copies_mb
    assert megabytes(SPARK_LAUNCHER["resources"]["limits"]["memory"]) >= needed + 1.25 * megabytes(
        "2g"
    )  # the driver's heap


def test_spark_is_what_the_runs_are_told() -> None:
    mounts, volumes = ([*LAUNCHER[name], *SPARK_LAUNCHER[name][-2:]] for name in ("volumeMounts", "volumes"))
    assert (mounts, volumes) == (SPARK_LAUNCHER["volumeMounts"], SPARK_LAUNCHER["volumes"])
    environment = dict(each.split("=") for each in SPARK_LAUNCHER["envVars"])
    master, worker = (OBJECTS[f"Deployment spark-{part}"]["spec"]["template"] for part in ("master", "worker"))
    assert environment["ANALYTICS_SPARK"] == worker["spec"]["containers"][0]["args"][-1] == "spark://spark-master:7077"
    assert master["spec"]["hostname"] == OBJECTS["Service spark-master"]["metadata"]["name"] == "spark-master"
    images = {pod["spec"]["containers"][0]["image"] for pod in (master, worker)}
    assert images == {SPARK_LAUNCHER["runK8sConfig"]["containerConfig"]["image"]}
    # An executor fits its worker, the worker its pod; and copies are where the run has them.
    [container] = worker["spec"]["containers"]
    defaults = OBJECTS["ConfigMap analytics-etl-spark"]["data"]["spark-defaults.conf"]
    conf = dict(line.split() for line in defaults.splitlines())
    option = dict(zip(container["args"], container["args"][1:], strict=False))
    assert (option["--cores"], option["--memory"]) == (conf["spark.executor.cores"], conf["spark.executor.memory"])
    assert megabytes(container["resources"]["limits"]["memory"]) >= megabytes(conf["spark.executor.memory"]) + 4096
    assert container["volumeMounts"][-1] in mounts
    [allowed] = OBJECTS["NetworkPolicy analytics-etl-spark"]["spec"]["ingress"]
    assert {"podSelector": {"matchLabels": SPARK_LAUNCHER["labels"]}} in allowed["from"]


def test_the_chart_is_of_the_release_of_dagster() -> None:
    pages = [CHECKOUT / "docs" / "kubernetes.md", FOLDER / "values.yaml", FOLDER / "values.spark.yaml"]
    for page in pages:
        named = re.findall(r"--version (\S+)", page.read_text(encoding="utf-8"))
        assert set(named) == {version("dagster")}, page
