"""What administrators ask for by the API: runs that the daemon takes up, records that change, days that go."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import dagster as dg
import httpx
import pytest
from conftest import Server, settings_in
from events import ask, download, load, record, write
from served import serving

from analytics_etl.catalog.catalog import Catalog
from analytics_etl.config.settings import Settings
from analytics_etl.ops import api_tokens
from analytics_etl.ops.run_requests import TAG
from analytics_etl.orchestration.late import days_of_run
from analytics_etl.orchestration.requested_runs import build_request_sensor
from analytics_etl.pipeline.loading import scan_files
from analytics_etl.postgres.database import Database

DAY = date(2025, 3, 31)
EVENTS = "schedules.schedule_events"
TRIGGER, CLEANUP = "/analytics/aggregation/trigger", "/api/v1/schedule-analytics/cleanup"
Served = tuple[Settings, httpx.Client, dict[str, dict[str, str]]]


@pytest.fixture(scope="module")
def served(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server with a token of each role and a day of schedules."""
    settings = settings_in(tmp_path_factory.mktemp("administration"), server.clone(), DAY)
    write(settings, "schedule_events/day.ndjson", [record(number, "mongo", DAY) for number in (1, 2)])
    database = Database(settings)
    load(database, EVENTS, DAY)
    until = datetime.now(UTC) + timedelta(days=1)
    headers: dict[str, dict[str, str]] = {
        role: {"Authorization": f"Bearer {database.run(api_tokens.create, 'test', role, role, until, None)[1]}"}
        for role in api_tokens.ROLES
    }
    tenant = database.run(api_tokens.create, "test", "acme", "admin", until, "acme")[1]
    with serving(settings) as client:
        yield settings, client, {**headers, "tenant": {"Authorization": f"Bearer {tenant}"}}
    server.drop(settings.database_url or "")


def sensed(settings: Settings, instance: dg.DagsterInstance) -> list[dg.RunRequest]:
    """The runs that the daemon begins."""
    partitions = dg.DailyPartitionsDefinition("2025-03-31")

    @dg.asset(partitions_def=partitions)
    def table() -> None: ...

    job = dg.define_asset_job("daily", [table])
    definitions = dg.Definitions(assets=[table], jobs=[job], sensors=[build_request_sensor(job)])
    repository = definitions.get_repository_def()
    context = dg.build_sensor_context(instance, repository_def=repository, resources={"database": Database(settings)})
    return list(repository.get_sensor_def("requested_runs").evaluate_tick(context).run_requests or ())


def test_a_run_is_asked_for_once_and_taken_up_by_the_daemon(served: Served) -> None:
    settings, client, headers = served
    for role in ("viewer", "editor", "ingest", "tenant"):
        assert client.post(TRIGGER, json={"first": "2025-03-31"}, headers=headers[role]).status_code == 403
    today = datetime.now(UTC).date()
    wrong: list[Any] = [
        {}, {"first": "2025-03-30"}, {"first": str(today)}, {"first": "2025-04-02", "last": "2025-04-01"},
        {"first": "2025-03-31", "last": "2026-04-01"}, {"first": "2025-03-31", "days": 3}, {"first": "x"},
        {"first": "2025-03-31", "reason": "\0"},
    ]  # fmt: skip
    for body in wrong:
        assert client.post(TRIGGER, json=body, headers=headers["admin"]).status_code == 422, body
    with dg.DagsterInstance.ephemeral() as instance:
        assert sensed(settings, instance) == []
        asked = {"first": "2025-03-31", "last": "2025-04-02", "reason": "a late file"}
        answers = [client.post(TRIGGER, json=asked, headers=headers["admin"]) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [202, 202]
        assert answers[0].json() == answers[1].json()
        run_id = answers[0].json()["run_id"]
        assert answers[0].json() == {"run_id": str(UUID(run_id)), "first": "2025-03-31", "last": "2025-04-02"}
        for _ in range(2):  # as long as there is no run of it, the daemon may be killed
            [run] = sensed(settings, instance)
            assert (run.run_key, run.tags[TAG]) == (run_id, run_id)
            assert days_of_run(run.tags) == (date(2025, 3, 31), date(2025, 4, 2))
        instance.add_run(dg.DagsterRun("daily", tags={TAG: run_id}))
        assert sensed(settings, instance) == []
        again = client.post(TRIGGER, json=asked, headers=headers["admin"]).json()["run_id"]
        assert again != run_id
    audit = ask(settings.database_url, "select actor, subject, reason from ops.audit where action = 'request run'")
    assert [tuple(row.values()) for row in audit] == [
        ("admin", f"2025-03-31 to 2025-04-02: {name}", "a late file") for name in (run_id, again)
    ]


def test_a_record_is_changed_by_a_later_one(served: Served) -> None:
    settings, client, headers = served
    path, own = f"/api/v1/schedule-analytics/{UUID(int=1)}", headers["admin"]
    change = {"level": "ERROR", "result": "failure", "error_message": "no disk", "recorded_at": "2025-03-31T09:00:00Z"}
    assert client.patch(path, json=change, headers=headers["viewer"]).status_code == 403
    refused = [
        (path, {**change, "event_id": "x"}, 422), (path, {**change, "levels": "ERROR"}, 422),
        (path, {**change, "level": "LOUD"}, 422), (path, {**change, "revision": -1}, 422),
        (path, {"result": "failure"}, 404), (path, {**change, "recorded_at": "2025-04-01T00:00:00Z"}, 404),
        (f"/api/v1/schedule-analytics/{UUID(int=99)}", change, 404), ("/api/v1/schedule-analytics/x", change, 422),
    ]  # fmt: skip
    for where, body, status in refused:
        assert client.patch(where, json=body, headers=own).status_code == status, body
    done = client.patch(path, json=change, headers=own)
    assert (done.status_code, done.json()) == (202, {"accepted": 1, "event_ids": [str(UUID(int=1))]})
    until = datetime.now(UTC) + timedelta(seconds=20)
    while not list((settings.landing_dir / "schedule_events" / "api").rglob("*.ndjson")):
        assert datetime.now(UTC) < until
    load(Database(settings), EVENTS, DAY)
    rows = ask(settings.database_url, f"select * from {EVENTS} order by event_id")
    before = record(1, "mongo", DAY)
    assert [(row["level"], row["result"], row["error_message"], row["revision"]) for row in rows] == [
        ("ERROR", "failure", "no disk", 0), (before["level"], before["result"], before.get("error_message"), None),
    ]  # fmt: skip
    assert (rows[0]["execution_id"], rows[0]["schedule_id"]) == (before["execution_id"], before["schedule_id"])
    late = client.patch(path, json={**change, "revision": 0}, headers=own)
    assert (late.status_code, "revision 0" in late.json()["detail"]) == (409, True)


def test_only_days_that_are_done_with_can_go(served: Served) -> None:
    _, client, headers = served
    assert client.delete(f"{CLEANUP}?before=2025-04-01", headers=headers["editor"]).status_code == 403
    assert client.delete(CLEANUP, headers=headers["admin"]).status_code == 422
    for dry_run, count in (("true", None), ("false", 0)):  # nothing was made of the day yet
        answer = client.delete(f"{CLEANUP}?before=2025-04-01&dry_run={dry_run}", headers=headers["admin"])
        assert answer.status_code == 200, answer.text
        found = answer.json()
        assert (found["rows"], found["is_dry_run"], found["row_count"]) == ([], dry_run == "true", count)


def test_today_is_told_as_far_as_it_is_read(served: Served) -> None:
    settings, client, headers = served
    assert client.get("/api/v1/pipeline/today", headers=headers["viewer"]).json()["rows"] == []
    today = datetime.now(UTC).date()
    at = f"{today}T00:00:00Z"
    events = [download(number, downloaded_at=at) for number in (1, 2, 2)]
    write(settings, "download_events/a.ndjson", [*events, download(3, downloaded_at=at, file_size=-1)])
    write(settings, "download_events/b.ndjson", [download(4, downloaded_at=at), download(5, DAY)])
    scan_files(Catalog.of(settings), Database(settings), None, lambda _: None)
    found = client.get("/api/v1/pipeline/today", headers=headers["viewer"]).json()
    assert (found["day"], found["is_final"], found["as_of"]) == (str(today), False, None)
    [row] = found["rows"]
    assert datetime.fromisoformat(row.pop("read_at")) <= datetime.now(UTC)
    assert row == {
        "table_name": "registry.download_events", "event_count": 4, "rejected_count": 1, "file_count": 2,
    }  # fmt: skip
    page = client.get("/pipeline", headers=headers["viewer"]).text
    assert 'Events today so far</span>\n<span class="value" title="4"' in page
