"""Dagster's event log in PostgreSQL, writing events about evaluations of checks in batches.

A run of a range plans and makes an evaluation for each check and partition: thousands. Dagster writes each by five
statements.
"""

import threading
from collections.abc import Sequence
from typing import Any

from dagster import DagsterEventType, EventLogEntry
from dagster_postgres import PostgresEventLogStorage
from sqlalchemy import Connection, text

from analytics_etl.orchestration.dagster_private import (
    ASSET_CHECK_EVENTS,
    ASSET_EVENTS,
    AssetCheckExecutionsTable,
    SqlEventLogStorageTable,
)
from analytics_etl.orchestration.dagster_private import AssetCheckExecutionRecordStatus as Status

MOST_TOGETHER = 500
"""Evaluations in one batch. Each holds its sample rows, so that a batch takes memory."""

# A run inserts its planned evaluations before its first step: those are updated. Partitions that the run refreshed
# beside its own were not planned: those are inserted.
_EVALUATED = text("""
    with
    given as (
        select *
        from unnest(
            :asset_keys ::text[], :check_names ::text[], :partitions ::text[], :run_ids ::text[], :statuses ::text[],
            :events ::text[], :timestamps ::timestamp[], :storage_ids ::bigint[], :materializations ::bigint[]
        ) as g (asset_key, check_name, partition, run_id, status, event, at, storage_id, materialization)
    ),
    planned as (
        update asset_check_executions as e
        set execution_status = status, evaluation_event = event, evaluation_event_timestamp = at,
            evaluation_event_storage_id = storage_id, materialization_event_storage_id = materialization
        from given as g
        where e.asset_key = g.asset_key and e.check_name = g.check_name and e.run_id = g.run_id
            and e.partition is not distinct from g.partition
        returning g.storage_id
    )
    insert into asset_check_executions (
        asset_key, check_name, partition, run_id, execution_status, evaluation_event, evaluation_event_timestamp,
        evaluation_event_storage_id, materialization_event_storage_id
    )
    select asset_key, check_name, partition, run_id, status, event, at, storage_id, materialization
    from given
    where storage_id not in (select storage_id from planned)
    order by storage_id""")


_PLANNED = {DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED}
_EVALUATIONS = {DagsterEventType.ASSET_CHECK_EVALUATION, DagsterEventType.STEP_OUTPUT}
"""A step of checks has an output for each evaluation, beside the evaluation."""


class EventLog(PostgresEventLogStorage):
    """Dagster's event log, which holds back planned and made evaluations of runs until an event of another kind comes.

    The creation of a run and each step end with one, so that no evaluation waits for long.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._waiting: list[EventLogEntry] = []
        self._turn = threading.RLock()
        self._columns: set[str] = set()

    def store_event(self, event: EventLogEntry) -> None:
        """Hold back an event about an evaluation of a run; write any other event, after those held back."""
        kind = event.dagster_event_type
        together = next((kinds for kinds in (_PLANNED, _EVALUATIONS) if kind in kinds and event.run_id), None)
        with self._turn:
            if self._waiting and (together is None or self._waiting[0].dagster_event_type not in together):
                self._store_waiting()
            if together is not None:
                self._waiting.append(event)
                if len(self._waiting) >= MOST_TOGETHER:
                    self._store_waiting()
                return
        self._store_one(event)

    def _has_asset_key_col_on_connection(self, conn: Connection, column_name: str) -> bool:
        """Ask Dagster's own method only until the column exists: it queries PostgreSQL's catalogue for each event."""
        if column_name not in self._columns and super()._has_asset_key_col_on_connection(conn, column_name):
            self._columns.add(column_name)
        return column_name in self._columns

    def _store_waiting(self) -> None:
        waiting, self._waiting = self._waiting, []  # also if writing fails: the run must still log its error
        if waiting[0].dagster_event_type in _PLANNED:
            self._store_planned(waiting)
        else:
            self._store_evaluations(waiting)

    def _store_one(self, event: EventLogEntry) -> None:
        """Do what Dagster's own `store_event` does, without the NOTIFY, which only older versions listen to."""
        with self._connect() as connection:
            inserted = self.prepare_insert_event(event).returning(SqlEventLogStorageTable.c.id)
            storage_id = connection.execute(inserted).scalar_one()
        kind = event.dagster_event_type
        if kind in ASSET_EVENTS and event.get_dagster_event().asset_key:
            with self.index_transaction() as connection:
                self._store_asset_event_tags(connection, [event], [storage_id])
                self._store_asset_event(connection, event, storage_id)
        if kind in ASSET_CHECK_EVENTS:
            self.store_asset_check_event(event, storage_id)

    def _store_planned(self, events: Sequence[EventLogEntry]) -> None:
        """Do what Dagster's own `store_event` does, for all events in one transaction."""
        rows = [self._event_to_row(event) for event in events]
        with self.index_transaction() as connection:
            table = SqlEventLogStorageTable
            storage_ids = connection.execute(table.insert().values(rows).returning(table.c.id)).scalars().all()
            planned = []
            for event, row, storage_id in zip(events, rows, storage_ids, strict=True):
                data: Any = event.get_dagster_event().event_specific_data
                partitions = data.partitions_subset.get_partition_keys() if data.partitions_subset else [None]
                planned += [
                    {
                        "asset_key": data.asset_key.to_string(),
                        "check_name": data.check_name,
                        "partition": partition,
                        "run_id": event.run_id,
                        "execution_status": Status.PLANNED.value,
                        "evaluation_event": row["event"],
                        "evaluation_event_timestamp": row["timestamp"],
                        "evaluation_event_storage_id": storage_id,
                    }
                    for partition in partitions
                ]
            connection.execute(AssetCheckExecutionsTable.insert(), planned)

    def _store_evaluations(self, events: Sequence[EventLogEntry]) -> None:
        """Do what Dagster's own `store_event` does, for all events in one transaction."""
        rows = [self._event_to_row(event) for event in events]
        with self.index_transaction() as connection:
            table = SqlEventLogStorageTable
            storage_ids = connection.execute(table.insert().values(rows).returning(table.c.id)).scalars().all()
            stored = [
                each
                for each in zip(events, rows, storage_ids, strict=True)
                if each[0].dagster_event_type == DagsterEventType.ASSET_CHECK_EVALUATION
            ]
            if not stored:
                return
            evaluated = [event.get_dagster_event().asset_check_evaluation_data for event, _, _ in stored]
            statuses = [Status.SUCCEEDED if evaluation.passed else Status.FAILED for evaluation in evaluated]
            targets = [evaluation.target_materialization_data for evaluation in evaluated]
            parameters = {
                "asset_keys": [evaluation.asset_key.to_string() for evaluation in evaluated],
                "check_names": [evaluation.check_name for evaluation in evaluated],
                "partitions": [evaluation.partition for evaluation in evaluated],
                "run_ids": [event.run_id for event, _, _ in stored],
                "statuses": [status.value for status in statuses],
                "events": [row["event"] for _, row, _ in stored],
                "timestamps": [row["timestamp"] for _, row, _ in stored],
                "storage_ids": [storage_id for _, _, storage_id in stored],
                "materializations": [target.storage_id if target else None for target in targets],
            }
            connection.execute(_EVALUATED, parameters)
