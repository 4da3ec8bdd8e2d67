"""Dagster's instance on our database: its configuration, its folder, and the environment of its programs."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import yaml
from dagster import DagsterInstance

from analytics_etl.config.settings import Settings, SettingsError
from analytics_etl.disk import private
from analytics_etl.postgres import migrations
from analytics_etl.postgres.connection import dagster_storage_url
from analytics_etl.postgres.failures import persistently

STORAGE_URL_VARIABLE = "ANALYTICS_DAGSTER_URL"

INSTANCE = f"""\
# Written by analytics-etl. The URL, which may hold a password, comes from the environment.
storage:
  custom:
    module: analytics_etl.orchestration.dagster_storage
    class: PooledPostgresStorage
    config:
      postgres_url:
        env: {STORAGE_URL_VARIABLE}
compute_logs:
  module: analytics_etl.orchestration.compute_logs
  class: ThreadedComputeLogManager
  config:
    home:
      env: DAGSTER_HOME
telemetry:
  enabled: false
nux:  # the dialog that asks a new user for an address
  enabled: false
concurrency:
  runs:
    max_concurrent_runs: 4
  # Each table has a pool of its name. Runs, not steps, take the pools. So a run waits in the queue, not in the
  # database, while another run works on one of its tables.
  pools:
    granularity: run
    default_limit: 1
run_monitoring:
  enabled: true
  start_timeout_seconds: 300
  cancel_timeout_seconds: 300
  # Longer than any backfill should take; a run that hangs would keep its tables' pools for ever.
  max_runtime_seconds: 86400
run_retries:
  enabled: true
  max_retries: 1
  # Retry only runs whose process died: a step that failed would fail again.
  retry_on_asset_or_op_failure: false
# Ticks of schedules and sensors; runs are removed by the job housekeeping.
retention:
  schedule:
    purge_after_days: 90
  sensor:
    purge_after_days:
      skipped: 7
      started: 30
      success: 30
      failure: 30
"""


def prepare(settings: Settings) -> dict[str, str]:
    """Migrate the database and write the Dagster home; returns the variables that Dagster's programs need."""
    migrations.upgrade(settings)
    private.make_folder(settings.dagster_home, settings.dagster_home)
    path, configuration = settings.dagster_home / "dagster.yaml", INSTANCE + _run_launcher(settings)
    if not path.exists() or path.read_text(encoding="utf-8") != configuration:
        path.write_text(configuration, encoding="utf-8")
    return {
        "DAGSTER_HOME": str(settings.dagster_home),
        STORAGE_URL_VARIABLE: dagster_storage_url(settings),
        "ANALYTICS_HOME": str(settings.home),
    }


def _run_launcher(settings: Settings) -> str:
    """The section of `dagster.yaml` with the run launcher that the settings name; empty for Dagster's own."""
    if settings.run_launcher is None:
        return ""
    expected = f"ANALYTICS_RUN_LAUNCHER: expected a dagster.yaml with run_launcher in {settings.run_launcher}"
    try:
        found = yaml.safe_load(settings.run_launcher.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise SettingsError(f"{expected}: {' '.join(str(error).split())}") from error
    launcher = found.get("run_launcher") if isinstance(found, dict) else None
    if launcher is None:
        raise SettingsError(f"{expected}, found none")
    return yaml.safe_dump({"run_launcher": launcher})


@contextmanager
def instance(settings: Settings) -> Iterator[DagsterInstance]:
    """Open Dagster's instance on our database."""
    os.environ.update(persistently(settings, lambda: prepare(settings)))
    with persistently(settings, lambda: DagsterInstance.from_config(str(settings.dagster_home))) as opened:
        yield opened


def environment_for(settings: Settings) -> dict[str, str]:
    """The environment of this process, and the variables that Dagster's programs need."""
    added = prepare(settings)  # first: it removes variables that would change every connection
    return {**os.environ, **added}
