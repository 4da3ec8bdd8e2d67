"""What is relied on of Dagster's private names: when a new version changes one of them, a test here says which."""

import dataclasses
from datetime import UTC, datetime
from enum import Enum
from itertools import islice
from pathlib import Path

import pytest
from dagster_postgres import PostgresEventLogStorage
from dagster_postgres.storage import DagsterPostgresStorage
from sources import SOURCES, imports, module_of, tree_of

from analytics_etl.orchestration import dagster_private as private
from analytics_etl.orchestration.compute_logs import ThreadedComputeLogManager

TAGS = {
    "ASSET_PARTITION_RANGE_END_TAG": "dagster/asset_partition_range_end",
    "ASSET_PARTITION_RANGE_START_TAG": "dagster/asset_partition_range_start",
    "AUTO_RETRY_RUN_ID_TAG": "dagster/auto_retry_run_id",
    "MAX_RETRIES_TAG": "dagster/max_retries",
    "PARENT_RUN_ID_TAG": "dagster/parent_run_id",
    "PARTITION_NAME_TAG": "dagster/partition",
    "RETRY_NUMBER_TAG": "dagster/retry_number",
    "RUN_KEY_TAG": "dagster/run_key",
    "SCHEDULE_NAME_TAG": "dagster/schedule_name",
    "SENSOR_NAME_TAG": "dagster/sensor_name",
    "WILL_RETRY_TAG": "dagster/will_retry",
}
"""Runs that are in a database carry them: another text would not find these."""

MEMBERS = {
    private.AssetCheckExecutionRecordStatus: {"PLANNED", "SUCCEEDED", "FAILED"},
    private.BulkActionStatus: {"REQUESTED", "CANCELING"},
    private.InstigatorStatus: {"STOPPED"},
    private.InstigatorType: {"SCHEDULE", "SENSOR"},
    private.RunFailureReason: {"STEP_FAILURE"},
    private.TickStatus: {"SUCCESS", "SKIPPED", "FAILURE"},
}
ATTRIBUTES: dict[type, set[str]] = {
    private.AssetCheckEvaluationTargetMaterializationData: {"storage_id", "run_id", "timestamp"},
    private.InstigatorState: {
        *("instigator_name", "instigator_type", "instigator_origin_id", "selector_id", "status", "instigator_data"),
    },
    private.InstigatorTick: {"timestamp", "end_timestamp", "status", "error", "failure_count", "tick_id", "tick_data"},
    private.JobFailureData: {"failure_reason"},
    private.ScheduleInstigatorData: {"cron_schedule", "start_timestamp"},
    private.SerializableErrorInfo: {"message", "cause", "cls_name"},
}


def test_one_module_imports_them() -> None:
    for path in SOURCES:
        of_dagster = [name for name in imports(tree_of(path)) if name.startswith(("dagster._", "dagster_shared"))]
        assert not of_dagster or module_of(path) == "orchestration.dagster_private", f"{path.name}: {of_dagster}"


def test_each_name_is_used() -> None:
    rest = [path.read_text(encoding="utf-8") for path in SOURCES if module_of(path) != "orchestration.dagster_private"]
    assert [name for name in private.__all__ if not any(name in text for text in rest)] == []


def test_tags_have_the_texts_that_runs_carry() -> None:
    assert {name: getattr(private, name) for name in private.__all__ if name.endswith("_TAG")} == TAGS
    assert private.IMPLICIT_ASSET_JOB_NAME == "__ASSET_JOB"


@pytest.mark.parametrize("kind", MEMBERS, ids=lambda kind: kind.__name__)
def test_states_have_their_members(kind: type[Enum]) -> None:
    assert set(kind.__members__) >= MEMBERS[kind]


@pytest.mark.parametrize("kind", ATTRIBUTES, ids=lambda kind: kind.__name__)
def test_values_have_their_attributes(kind: type) -> None:
    fields = {field.name for field in dataclasses.fields(kind)} if dataclasses.is_dataclass(kind) else set()
    assert {*fields, *dir(kind)} >= ATTRIBUTES[kind]


def test_times_of_a_schedule_come_in_order_from_a_moment_on() -> None:
    start = datetime(2025, 3, 31, 0, 5, tzinfo=UTC)
    found = list(islice(private.cron_string_iterator(start.timestamp(), "5 0 * * *", "UTC"), 2))
    assert [moment.astimezone(UTC) for moment in found] == [start, datetime(2025, 4, 1, 0, 5, tzinfo=UTC)]


def test_filters_take_what_they_are_given() -> None:
    states = [private.BulkActionStatus.REQUESTED]
    assert private.BulkActionsFilter(statuses=states).statuses == states
    assert private.PartitionKeyFilter(key="2025-03-31").key == "2025-03-31"


def test_the_event_log_has_the_columns_that_are_written() -> None:
    assert set(private.SqlEventLogStorageTable.c.keys()) >= {"id", "run_id", "event", "dagster_event_type", "timestamp"}
    planned = {"asset_key", "check_name", "partition", "run_id", "execution_status", "evaluation_event"}
    assert set(private.AssetCheckExecutionsTable.c.keys()) >= planned | {"evaluation_event_storage_id"}


def test_the_event_log_has_the_methods_that_are_called_or_replaced() -> None:
    """What Dagster's own `store_event` calls is what ours calls: another step there would be missing here."""
    own = set(PostgresEventLogStorage.store_event.__code__.co_names)
    called = {"prepare_insert_event", "_store_asset_event_tags", "_store_asset_event", "store_asset_check_event"}
    assert {name for name in own if name.startswith(("_store", "store", "prepare", "index"))} == called | {
        "index_transaction"
    }
    assert hasattr(PostgresEventLogStorage, "_has_asset_key_col_on_connection")
    assert hasattr(PostgresEventLogStorage, "_event_to_row")


def test_an_interruption_is_no_exception_that_a_step_could_catch() -> None:
    assert issubclass(private.DagsterExecutionInterruptedError, BaseException)


def test_the_storage_has_the_parts_whose_connections_are_shared() -> None:
    names = set(DagsterPostgresStorage.__init__.__code__.co_names)
    assert names >= {"_run_storage", "_event_log_storage", "_schedule_storage"}


def test_what_steps_print_is_looked_for_where_our_class_puts_it(tmp_path: Path) -> None:
    ours = ThreadedComputeLogManager.from_config_value(None, {"home": str(tmp_path)})
    with ours.capture_logs(["a", "b"]) as context:
        assert isinstance(context, private.CapturedLogContext)
    dagsters = private.LocalComputeLogManager(base_dir=str(tmp_path / "storage"), inst_data=None)
    assert dagsters.is_capture_complete(["a", "b"])
    assert dagsters.get_log_data(["a", "b"]).stdout is not None
    capture = set(private.LocalComputeLogManager.capture_logs.__wrapped__.__code__.co_names)  # type: ignore[attr-defined]
    assert capture == {
        *("get_captured_local_path", "IO_TYPE_EXTENSION", "ComputeIOType", "STDOUT", "STDERR", "mirror_stream_to_file"),
        *("sys", "stdout", "stderr", "CapturedLogContext", "touch_file", "complete_artifact_path"),
    }
