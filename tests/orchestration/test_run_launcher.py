"""Runs are started by the run launcher that ANALYTICS_RUN_LAUNCHER names, here as Jobs of Kubernetes.

A server stands in for Kubernetes' API, and the chart's part of `dagster.yaml` is made as its template does; the values
of `deploy/kubernetes`, the launcher and the run are real.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from dagster import DagsterRunStatus
from dagster._core.definitions.reconstruct import ReconstructableRepository
from dagster._core.launcher import LaunchRunContext
from events import restored_environment

from analytics_etl.config.settings import CHECKOUT, Settings, SettingsError
from analytics_etl.orchestration import instance as dagster_instance

FOLDER = CHECKOUT / "deploy" / "kubernetes"
VALUES: dict[str, Any] = yaml.safe_load((FOLDER / "values.yaml").read_text(encoding="utf-8"))
SPARK: dict[str, Any] = yaml.safe_load((FOLDER / "values.spark.yaml").read_text(encoding="utf-8"))
[CODE] = VALUES["dagster-user-deployments"]["deployments"]
LAUNCHER: dict[str, Any] = VALUES["runLauncher"]["config"]["k8sRunLauncher"]
SPARK_LAUNCHER: dict[str, Any] = SPARK["runLauncher"]["config"]["k8sRunLauncher"]


@contextmanager
def api_server(folder: Path) -> Iterator[tuple[Path, list[dict[str, Any]]]]:
    """A server that takes what is sent to Kubernetes' API: the file that leads a client to it, and what it got."""
    taken: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            taken.append({"path": self.path, **json.loads(body)})
            self.send_response(201)
            self.send_header("content-type", "application/json")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    cluster = {"name": "test", "cluster": {"server": f"http://127.0.0.1:{server.server_port}"}}
    context = {"name": "test", "context": {"cluster": "test", "user": "test"}}
    user = {"name": "test", "user": {}}
    config = {"clusters": [cluster], "contexts": [context], "users": [user], "current-context": "test"}
    path = folder / "kubeconfig"
    path.write_text(yaml.safe_dump({"apiVersion": "v1", "kind": "Config", **config}))
    try:
        yield path, taken
    finally:
        server.shutdown()
        server.server_close()


def configuration_of_the_chart(kubeconfig: Path, values: Mapping[str, Any]) -> dict[str, Any]:
    """The part of the chart's `dagster.yaml` that is used, as its template writes it; but the API is the given one."""
    config = {
        "load_incluster_config": False,
        "kubeconfig_file": str(kubeconfig),
        "job_namespace": "default",
        "image_pull_policy": values["imagePullPolicy"],
        "service_account_name": VALUES["global"]["serviceAccountName"],
        "dagster_home": VALUES["global"]["dagsterHome"],
        "instance_config_map": "dagster-instance",
        "postgres_password_secret": "dagster-postgresql-secret",
        "env_config_maps": [each["name"] for each in values["envConfigMaps"]],
        "env_secrets": [each["name"] for each in values["envSecrets"]],
        "env_vars": values.get("envVars", []),
        "volume_mounts": values["volumeMounts"],
        "volumes": values["volumes"],
        "labels": values.get("labels", {}),
        "resources": values["resources"],
        "run_k8s_config": {
            re.sub("[A-Z]", lambda found: f"_{found[0].lower()}", name): value
            for name, value in values["runK8sConfig"].items()
        },
    }
    return {"run_launcher": {"module": "dagster_k8s", "class": "K8sRunLauncher", "config": config}}


def job_of(
    settings: Settings, folder: Path, launcher: Mapping[str, Any], monkeypatch: pytest.MonkeyPatch
) -> tuple[str, dict[str, Any]]:
    """Launch a run of the job housekeeping as the daemon does: its id, and the Job in Kubernetes."""
    monkeypatch.setenv("ANALYTICS_DATABASE_URL", settings.database_url or "")
    monkeypatch.setenv("ANALYTICS_HOME", str(settings.home))
    with api_server(folder) as (kubeconfig, taken):
        given = folder / "dagster.yaml"
        given.write_text(yaml.safe_dump(configuration_of_the_chart(kubeconfig, launcher)))
        with dagster_instance.instance(replace(settings, run_launcher=given)) as instance:
            image = f"{CODE['image']['repository']}:{CODE['image']['tag']}"
            module, load = CODE["dagsterApiGrpcArgs"][1::2]
            repository = ReconstructableRepository.for_module(module, load, container_image=image)
            job = repository.get_reconstructable_job("housekeeping")
            config = {"ops": {"prune_runs": {"config": {"before": "2025-01-01"}}}}
            run = instance.create_run_for_job(
                job.get_definition(), run_config=config, job_code_origin=job.get_python_origin()
            )
            instance.run_launcher.launch_run(LaunchRunContext(dagster_run=run, workspace=None))
            [found] = taken
            return run.run_id, found


def test_a_run_is_a_job_that_ends_well(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with restored_environment():
        run_id, job = job_of(settings, tmp_path, LAUNCHER, monkeypatch)
        assert job["path"] == "/apis/batch/v1/namespaces/default/jobs"
        pod = job["spec"]["template"]["spec"]
        [container] = pod["containers"]
        assert container["image"] == "registry.example.org/analytics_etl:0.1.0"
        assert container["resources"] == LAUNCHER["resources"]
        assert container["envFrom"] == [{kind: {"name": "analytics-etl"}} for kind in ("configMapRef", "secretRef")]
        assert pod["serviceAccountName"] == "analytics-etl"
        assert pod["securityContext"]["runAsUser"] == 10001
        assert (settings.database_url or "") not in json.dumps(job)
        # The pod: the image's programs, what the Job sets, what ConfigMap and Secret set, an empty home.
        programs = tmp_path / "bin"
        programs.mkdir()
        shutil.copy(FOLDER / "dagster", programs)
        path = os.pathsep.join([str(programs), str(Path(sys.executable).parent), os.environ["PATH"]])
        monkeypatch.setenv("PATH", path)
        home = tmp_path / "pod"
        inside = {"ANALYTICS_HOME": str(home), "ANALYTICS_DATABASE_URL": settings.database_url or ""}
        of_job = {each["name"]: each["value"] for each in container["env"] if "value" in each}
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("ANALYTICS_", "DAGSTER_"))}
        subprocess.run(container["args"], env={**clean, **of_job, **inside}, cwd=CHECKOUT, check=True)
        assert of_job["DAGSTER_HOME"] == VALUES["global"]["dagsterHome"]
        assert (home / "dagster" / "dagster.yaml").read_text() == dagster_instance.INSTANCE
        assert list((home / "dagster" / "storage").rglob("*.complete"))
        with dagster_instance.instance(settings) as instance:
            run = instance.get_run_by_id(run_id)
            assert run is not None
            assert run.status == DagsterRunStatus.SUCCESS


def test_a_run_with_spark_has_its_image_and_name(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with restored_environment():
        both = LAUNCHER["runK8sConfig"] | SPARK_LAUNCHER["runK8sConfig"]
        merged = {**LAUNCHER, **SPARK_LAUNCHER, "runK8sConfig": both}  # as helm merges them
        _, job = job_of(settings, tmp_path, merged, monkeypatch)
    [container] = job["spec"]["template"]["spec"]["containers"]
    assert container["image"] == SPARK_LAUNCHER["runK8sConfig"]["containerConfig"]["image"]
    environment = {each["name"]: each.get("value", each.get("valueFrom")) for each in container["env"]}
    assert environment["ANALYTICS_ENGINE"] == "spark"
    assert environment["SPARK_LOCAL_HOSTNAME"] == {"fieldRef": {"fieldPath": "status.podIP"}}
    assert job["spec"]["template"]["metadata"]["labels"].items() >= SPARK_LAUNCHER["labels"].items()


@pytest.mark.parametrize("content", [None, "x: [", "run_queue: {}", "[1]"])
def test_a_wrong_run_launcher_is_said(settings: Settings, tmp_path: Path, content: str | None) -> None:
    given = tmp_path / "dagster.yaml"
    if content is not None:
        given.write_text(content)
    with pytest.raises(SettingsError, match=r"^ANALYTICS_RUN_LAUNCHER: expected a dagster.yaml with run_launcher in "):
        dagster_instance.prepare(replace(settings, run_launcher=given))
